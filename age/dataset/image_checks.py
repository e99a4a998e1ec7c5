"""Decides from an image's bytes whether it can be learnt from, and measures it."""

import dataclasses
import struct

import numpy as np
import tensorflow as tf

from age import image_decoding
from schemas.age_schema import Limits

_EXIF = b"Exif\0\0"


@dataclasses.dataclass(frozen=True)
class Measurements:
    """What an image says of itself.

    Attributes:
        format: `jpeg` or `png`.
        height: pixels, after the EXIF orientation has been applied.
        width: likewise.
        brightness: mean over all pixels and channels, 0 (black) to 1 (white).
    """

    format: str
    height: int
    width: int
    brightness: float


class UnusableImage(ValueError):
    """An image can't be used; `reason` is the reject's code and the message its detail."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


def _format(encoded: bytes) -> str:
    if not encoded:
        raise UnusableImage("empty_file", "the file has no bytes")
    if encoded.startswith(image_decoding.JPEG_MAGIC):
        return image_decoding.JPEG
    if encoded.startswith(image_decoding.PNG_MAGIC):
        return image_decoding.PNG
    raise UnusableImage("unsupported_format", f"neither JPEG nor PNG: the file begins with {bytes(encoded[:8])!r}")


def _stored_size(encoded: bytes, contents: tf.Tensor, image_format: str) -> tuple[int, int]:
    """Returns height and width from the file's header: `image_decoding.encoded_size` without the graph's overhead."""
    if image_format == image_decoding.PNG:
        if len(encoded) < 24:
            raise UnusableImage("undecodable", f"{len(encoded)} bytes of PNG without a header: cut off")
        width, height = struct.unpack(">II", encoded[16:24])
        return height, width
    height, width, _ = tf.io.extract_jpeg_shape(contents).numpy()
    return int(height), int(width)


def measure(encoded: bytes, limits: Limits) -> Measurements:
    """Decodes an image the way training does and measures it.

    Args:
        encoded: the file's bytes.
        limits: sides that are accepted, pixels.

    Raises:
        UnusableImage: with reason `empty_file`, `unsupported_format`, `too_small`, `too_large` or `undecodable`.
    """
    image_format = _format(encoded)
    # One tensor for all operations: each would convert bytes anew, on TensorFlow's slow path.
    contents = tf.constant(encoded)
    try:
        height, width = _stored_size(encoded, contents, image_format)
        if min(height, width) < limits.min_side:
            raise UnusableImage("too_small", f"{width}x{height} pixels; at least {limits.min_side} on each side are needed")
        if max(height, width) > limits.max_side or height * width > image_decoding.MAX_PIXELS:
            raise UnusableImage("too_large", f"{width}x{height} pixels; at most {limits.max_side} on each side are decoded")
        if image_format == image_decoding.PNG:
            image, orientation = tf.io.decode_png(contents, channels=3), 1
        else:
            image = tf.io.decode_jpeg(contents, channels=3, dct_method=image_decoding.DCT_METHOD)
            orientation = int(image_decoding.exif_orientation(contents)) if _EXIF in encoded[:4096] else 1
    except tf.errors.OpError as error:
        raise UnusableImage(
            "undecodable", f"{len(encoded)} bytes of {image_format.upper()} that don't decode: cut off or damaged"
        ) from error
    if orientation >= 5:
        height, width = width, height
    pixels = image.numpy()
    return Measurements(
        format=image_format,
        height=height,
        width=width,
        brightness=int(pixels.sum(dtype=np.uint32 if pixels.size < 1 << 24 else np.uint64)) / pixels.size / 255.0,
    )

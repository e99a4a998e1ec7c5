"""Decides from an image's bytes whether it can be learnt from, and measures it."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from age import image_decoding, image_header
from age.dataset import perceptual_hash
from age.image_header import UnusableImage
from schemas.age_schema import Limits

__all__ = ["Measurements", "UnusableImage", "measure"]

_EXIF = b"Exif\0\0"


class Measurements(NamedTuple):
    """What an image says of itself.

    Attributes:
        format: `jpeg` or `png`.
        height: pixels, after the EXIF orientation has been applied.
        width: likewise.
        brightness: mean over all pixels and channels, 0 (black) to 1 (white).
        looks: its perceptual hash; empty where it has none, or nobody asked for it.
    """

    format: str
    height: int
    width: int
    brightness: float
    looks: bytes = b""


def measure(encoded: bytes, limits: Limits, with_looks: bool = False) -> Measurements:
    """Decodes an image the way training does and measures it.

    Args:
        encoded: the file's bytes.
        limits: sides that are accepted, pixels.
        with_looks: whether the perceptual hash is wanted.

    Raises:
        UnusableImage: with reason `empty_file`, `unsupported_format`, `too_small`, `too_large` or `undecodable`.
    """
    image_format = image_header.image_format(encoded)
    # One tensor for all operations: each would convert bytes anew, on TensorFlow's slow path.
    contents = tf.constant(encoded)
    try:
        height, width = image_header.stored_size(encoded, contents, image_format)
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
        raise image_header.undecodable(encoded, image_format) from error
    if orientation >= 5:
        height, width = width, height
    pixels = image.numpy()
    looks = perceptual_hash.of(Image.fromarray(pixels).convert("L"), orientation) if with_looks else None
    return Measurements(
        format=image_format,
        height=height,
        width=width,
        brightness=int(pixels.sum(dtype=np.uint32 if pixels.size < 1 << 24 else np.uint64)) / pixels.size / 255.0,
        looks=looks or b"",
    )

"""Reads what an image file says of itself before anything of it is decoded: its format and its size."""

import dataclasses
import struct

import tensorflow as tf

from age import image_decoding


@dataclasses.dataclass(frozen=True)
class Header:
    """What the first bytes of an image say.

    Attributes:
        format: `jpeg` or `png`.
        height: pixels, before the EXIF orientation is applied.
        width: likewise.
    """

    format: str
    height: int
    width: int

    @property
    def pixels(self) -> int:
        return self.height * self.width


class UnusableImage(ValueError):
    """An image can't be used; `reason` is the reject's code and the message its detail."""

    def __init__(self, reason: str, detail: str):
        super().__init__(detail)
        self.reason = reason


def image_format(encoded: bytes) -> str:
    """Returns `jpeg` or `png`.

    Raises:
        UnusableImage: with reason `empty_file` or `unsupported_format`.
    """
    if not encoded:
        raise UnusableImage("empty_file", "the file has no bytes")
    if encoded.startswith(image_decoding.JPEG_MAGIC):
        return image_decoding.JPEG
    if encoded.startswith(image_decoding.PNG_MAGIC):
        return image_decoding.PNG
    raise UnusableImage("unsupported_format", f"neither JPEG nor PNG: the file begins with {bytes(encoded[:8])!r}")


def undecodable(encoded: bytes, format_name: str) -> UnusableImage:
    """Returns what to say of a file that begins like an image and does not decode."""
    return UnusableImage("undecodable", f"{len(encoded)} bytes of {format_name.upper()} that don't decode: cut off or damaged")


def stored_size(encoded: bytes, contents: tf.Tensor, format_name: str) -> tuple[int, int]:
    """Returns height and width from the file's header: `image_decoding.encoded_size` without the graph's overhead.

    Args:
        encoded: the file's bytes.
        contents: the same as a tensor, which JPEG is read from.
        format_name: from `image_format`.

    Raises:
        UnusableImage: a PNG that ends before its size does.
        tf.errors.OpError: the header can't be read.
    """
    if format_name == image_decoding.PNG:
        if len(encoded) < 24:
            raise UnusableImage("undecodable", f"{len(encoded)} bytes of PNG without a header: cut off")
        width, height = struct.unpack(">II", encoded[16:24])
        return height, width
    height, width, _ = tf.io.extract_jpeg_shape(contents).numpy()
    return int(height), int(width)


def read(encoded: bytes) -> Header:
    """Returns what an image says of itself.

    Args:
        encoded: the file's bytes.

    Raises:
        UnusableImage: with reason `empty_file`, `unsupported_format` or `undecodable`.
    """
    format_name = image_format(encoded)
    try:
        height, width = stored_size(encoded, tf.constant(encoded), format_name)
    except tf.errors.OpError as error:
        raise undecodable(encoded, format_name) from error
    return Header(format_name, height, width)

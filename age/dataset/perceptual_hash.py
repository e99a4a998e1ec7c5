"""A hash of what a picture looks like: the same picture compressed anew or made smaller differs from itself in few of its bits.

The signs of the lowest frequencies of the discrete cosine transform of the picture's brightness, after Zauner, "Implementation and
Benchmarking of Perceptual Image Hash Functions" (2010), with 256 of them instead of 64: faces that are cropped alike share too many of
the lowest. `imagehash` decodes every picture whole, which would take as long again as all else that ingestion does with it.
"""

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from schemas.age_schema import Limits

BYTES = 32
COARSE_BITS = 64
"""The first bits of a hash are those of the lowest frequencies."""

_SIDE = 32
_FREQUENCIES = 17
# JPEG is decoded to an eighth, a quarter or half of its size where that is still at least this large.
_DECODED_SIDE = 64
# Grey levels between the brightest and the darkest place. Below that the signs are those of noise, and all flat pictures would be one.
_LEAST_CONTRAST = 8

_EXIF = b"Exif\0\0"
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _cosines() -> npt.NDArray[np.float64]:
    """Returns the transform's basis `[frequencies, side]` in whole numbers: products of such are exact on every processor."""
    frequency, place = np.arange(_FREQUENCIES)[:, None], np.arange(_SIDE)[None]
    cosines: npt.NDArray[np.float64] = np.rint(1024 * np.cos(np.pi * frequency * (2 * place + 1) / (2 * _SIDE)))
    return cosines


def _order() -> list[tuple[int, int]]:
    """Returns the frequencies (down, across) of the bits: the lowest first, of those every eighth in a byte.

    The very lowest say little of which face it is. Dealt out, every byte has its share of them, and few pictures share a byte.
    """
    every = [(down, across) for down in range(_FREQUENCIES) for across in range(_FREQUENCIES) if down or across]
    every.sort(key=lambda one: (one[0] + one[1], abs(one[0] - one[1]), one))
    coarse, fine = every[:COARSE_BITS], every[COARSE_BITS : 8 * BYTES]
    return [coarse[bit * 8 + byte] for byte in range(8) for bit in range(8)] + fine


_COSINES = _cosines()
_TRANSPOSED = np.ascontiguousarray(_COSINES.T)
_DOWN, _ACROSS = (np.array(axis) for axis in zip(*_order()))
_MIRROR = np.packbits(_ACROSS % 2 == 1)


def of(encoded: bytes, limits: Limits) -> bytes | None:
    """Returns the hash of a picture.

    Args:
        encoded: a JPEG or PNG file.
        limits: sides that are accepted, pixels.

    Returns:
        `BYTES` bytes; None where the picture can't be decoded, is too small or too large, or is all of one colour.
    """
    try:
        pixels = _thumbnail(encoded, limits)
    except Exception:
        # What decoders raise on damaged files is of every kind; ingestion rejects those itself.
        return None
    if pixels is None or int(pixels.max()) - int(pixels.min()) < _LEAST_CONTRAST:
        return None
    frequencies = _COSINES @ pixels @ _TRANSPOSED
    return np.packbits(frequencies[_DOWN, _ACROSS] > 0).tobytes()


def _thumbnail(encoded: bytes, limits: Limits) -> npt.NDArray[np.uint8] | None:
    with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG")) as image:
        if min(image.size) < limits.min_side or max(image.size) > limits.max_side:
            return None
        turned = _UPRIGHT.get(image.getexif().get(_ORIENTATION_TAG, 1)) if _EXIF in encoded[:4096] else None
        image.draft("L", (_DECODED_SIDE, _DECODED_SIDE))
        small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    upright = small if turned is None else small.transpose(turned)
    return np.asarray(upright)


def mirrored(hashes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns the hashes of the pictures' mirror images: in those, every frequency with an odd number across changes its sign.

    Args:
        hashes: `[n, BYTES]`.
    """
    return np.bitwise_xor(hashes, _MIRROR)

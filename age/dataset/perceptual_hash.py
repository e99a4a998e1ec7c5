"""A hash of what a picture looks like: the same picture compressed anew or made smaller differs from itself in few of its bits.

The signs of the lowest frequencies of the discrete cosine transform of the picture's brightness, after Zauner, "Implementation and
Benchmarking of Perceptual Image Hash Functions" (2010), with 256 of them instead of 64: faces that are cropped alike share too many of
the lowest. `imagehash` has no such choice of frequencies, and transforms by SciPy what a product of two small matrices gives.
"""

import numpy as np
import numpy.typing as npt
from PIL import Image

BYTES = 32
COARSE_BITS = 64
"""The first bits of a hash are those of the lowest frequencies."""

_SIDE = 32
_FREQUENCIES = 17
# Pictures are first made smaller by whole numbers, to not less than this many times the side.
_REDUCING_GAP = 2.0
# Grey levels between the brightest and the darkest place. Below that the signs are those of noise, and all flat pictures would be one.
_LEAST_CONTRAST = 8

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


def of(grey: Image.Image, orientation: int = 1) -> bytes | None:
    """Returns the hash of a picture.

    Args:
        grey: its brightness, of mode `L`.
        orientation: its EXIF orientation, 1 (upright) to 8, which is yet to be applied.

    Returns:
        `BYTES` bytes; None where it is all of one colour.
    """
    small = grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)
    if orientation != 1:
        small = small.transpose(_UPRIGHT[orientation])
    pixels = np.asarray(small)
    if int(pixels.max()) - int(pixels.min()) < _LEAST_CONTRAST:
        return None
    frequencies = _COSINES @ pixels @ _TRANSPOSED
    return np.packbits(frequencies[_DOWN, _ACROSS] > 0).tobytes()


def mirrored(hashes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns the hashes of the pictures' mirror images: in those, every frequency with an odd number across changes its sign.

    Args:
        hashes: `[n, BYTES]`.
    """
    return np.bitwise_xor(hashes, _MIRROR)

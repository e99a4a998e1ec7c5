"""Finds all pairs of pictures that look the same, by their perceptual hashes.

Two pictures are near-duplicates when at most `COARSE_DISTANCE` of the 64 bits of the lowest frequencies differ and at most
`DISTANCE` of all 256. The search is exact: where 7 of 64 bits differ, at least one of their 8 bytes is the same (Norouzi, Punjani and
Fleet, "Fast Search in Hamming Space with Multi-Index Hashing", 2012), so only pictures that share one are compared.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from age.dataset import perceptual_hash

COARSE_DISTANCE = 7
DISTANCE = 22
"""Of 7,591 faces of UTKFace none is farther than 10 bits from itself at quality 60, and 9 at half the size; where only every second pixel
is kept, 22. Photographs of two people begin at 47."""
BANDS = perceptual_hash.COARSE_BITS // 8
"""How many bytes of a hash pictures are looked up by; more than `COARSE_DISTANCE`."""

_ROWS_AT_ONCE = 1024
_SET_BITS = np.array([number.bit_count() for number in range(256)], np.uint8)

_Hashes = npt.NDArray[np.uint8]
_Numbers = npt.NDArray[np.int64]


class Pairs(NamedTuple):
    """Pairs of near-duplicates, in the order of their pictures.

    Attributes:
        first: number of each pair's first picture, `[m]`.
        second: of its second one, which is greater, `[m]`.
        differing: how many of the 256 bits differ, `[m]`.
        is_mirrored: whether one looks like the other's mirror image, `[m]`.
    """

    first: _Numbers
    second: _Numbers
    differing: _Numbers
    is_mirrored: npt.NDArray[np.bool_]


def find(hashes: _Hashes, mirrored: bool = False, band: int | None = None) -> Pairs:
    """Returns every pair of near-duplicates.

    Args:
        hashes: of the pictures, `[n, 32]`.
        mirrored: whether mirror images count too.
        band: look at this byte alone, 0 to `BANDS` - 1, for pairs that no byte before it shows; None for all of them.
    """
    bands = range(BANDS) if band is None else (band,)
    found = [_pairs(hashes, hashes, one, False) for one in bands]
    if mirrored:
        turned = perceptual_hash.mirrored(hashes)
        found += [_pairs(hashes, turned, one, True) for one in bands]
    first, second, differing, is_mirrored = (np.concatenate(parts) for parts in zip(*found))
    # One that is near as it is and mirrored, a face from in front, is a pair once.
    order = np.lexsort((is_mirrored, second, first))
    first, second, differing, is_mirrored = (part[order] for part in (first, second, differing, is_mirrored))
    new = np.ones(len(first), bool)
    new[1:] = (first[1:] != first[:-1]) | (second[1:] != second[:-1])
    return Pairs(first[new], second[new], differing[new], is_mirrored[new])


def _pairs(hashes: _Hashes, others: _Hashes, band: int, is_mirrored: bool) -> Pairs:
    """Returns the pairs `first < second` of a hash and one of the others for which `band` is the first byte that agrees."""
    signs, of_others = _signs(hashes), _signs(others) if is_mirrored else _signs(hashes)
    kept: list[tuple[_Numbers, _Numbers, _Numbers]] = [(np.empty(0, np.int64),) * 3]
    for left, right in _buckets(hashes[:, band], others[:, band]):
        for start in range(0, len(left), _ROWS_AT_ONCE):
            rows = left[start : start + _ROWS_AT_ONCE]
            # The sum of products of signs is the number of equal bits less that of different ones.
            near = signs[rows] @ of_others[right].T >= perceptual_hash.COARSE_BITS - 2 * COARSE_DISTANCE
            at, other = np.nonzero(near)
            first, second = rows[at], right[other]
            ordered = first < second
            first, second = first[ordered], second[ordered]
            differing = _SET_BITS[hashes[first] ^ others[second]].sum(axis=1, dtype=np.int64)
            wanted = (differing <= DISTANCE) & ~(hashes[first, :band] == others[second, :band]).any(axis=1)
            kept.append((first[wanted], second[wanted], differing[wanted]))
    first, second, differing = (np.concatenate(parts) for parts in zip(*kept))
    return Pairs(first, second, differing, np.full(len(first), is_mirrored))


def _signs(hashes: _Hashes) -> npt.NDArray[np.float32]:
    bits = np.unpackbits(hashes[:, :BANDS], axis=1).astype(np.float32)
    return 2 * bits - 1


def _buckets(values: _Hashes, others: _Hashes) -> list[tuple[_Numbers, _Numbers]]:
    """Returns the numbers of those with each value, and of the others with it; values that one side lacks are left out."""
    order, order_of_others = np.argsort(values, kind="stable"), np.argsort(others, kind="stable")
    edges = np.searchsorted(values[order], np.arange(257))
    edges_of_others = np.searchsorted(others[order_of_others], np.arange(257))
    return [
        (order[edges[value] : edges[value + 1]], order_of_others[edges_of_others[value] : edges_of_others[value + 1]])
        for value in range(256)
        if edges[value] < edges[value + 1] and edges_of_others[value] < edges_of_others[value + 1]
    ]

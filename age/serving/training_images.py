"""Keeps with an exported model which photographs it learnt from, as hashes: a later comparison leaves those out.

The file holds the first eight bytes of the SHA-256 of each, ascending: 8 MB for a million photographs. Two different ones agree
in them by chance once in 5e11 pairs of a million with a million; a photograph that is left out by mistake does no harm.
"""

import os
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from age import storage
from age.serving.model_digest import EXTRA_ASSETS

FILE = "training_images.bin"

_STORED = np.dtype(">u8")
_DIGEST_BYTES, _PREFIX_BYTES = 32, 8
_HEXADECIMAL_DIGITS = 2 * _PREFIX_BYTES

Prefixes = npt.NDArray[np.uint64]


def prefix(sha256: str) -> int:
    """Returns what is kept of a hash in hexadecimal."""
    return int(sha256[:_HEXADECIMAL_DIGITS], 16)


def write(model: str, digests: Iterable[npt.NDArray[np.bytes_]]) -> None:
    """Writes the list beside a model.

    Args:
        model: directory of the SavedModel.
        digests: S32 `[n]` for each split that it learnt from.
    """
    prefixes = [_prefixes(one) for one in digests]
    extra = os.path.join(model, EXTRA_ASSETS)
    storage.make_directory(extra)
    storage.write_bytes(os.path.join(extra, FILE), np.sort(np.concatenate(prefixes)).astype(_STORED).tobytes())


def _prefixes(digests: npt.NDArray[np.bytes_]) -> Prefixes:
    whole = np.ascontiguousarray(digests, dtype=f"S{_DIGEST_BYTES}").view(np.uint8).reshape(-1, _DIGEST_BYTES)
    return np.ascontiguousarray(whole[:, :_PREFIX_BYTES]).view(_STORED).reshape(-1).astype(np.uint64)


def read(model: str) -> Prefixes | None:
    """Returns uint64 `[n]`, ascending; None where a model does not tell, as those that were exported before this was kept.

    Raises:
        OSError: the file can't be read.
    """
    path = os.path.join(model, EXTRA_ASSETS, FILE)
    if not storage.exists(path):
        return None
    return np.frombuffer(storage.read_bytes(path), _STORED).astype(np.uint64)

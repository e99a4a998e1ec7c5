"""Tells one exported model from another by its content."""

import functools
import hashlib
import os
import time

from age import storage

EXTRA_ASSETS = "assets.extra"
PROVENANCE_FILE = "provenance.json"
"""The folder of a SavedModel for what is not the model: provenance, model card, warm-up requests."""

MODEL_FILE = "saved_model.pb"
"""Whoever serves a SavedModel takes it as complete when this file is there."""

_BLOCK = 1 << 20
_MOST_KNOWN = 1024
_SETTLED = 2_000_000_000
"""Nanoseconds. The clocks of file systems tick so coarsely that a file may change twice in one tick."""


def is_model(path: str) -> bool:
    """Whether a directory holds a SavedModel that a server would load."""
    return storage.exists(storage.join(path, MODEL_FILE))


def content_digest(path: str) -> str:
    """Returns the SHA-256 over the names and bytes of a SavedModel's files, in hexadecimal.

    `assets.extra` is left out: what is written about a model does not make it another one.

    Args:
        path: directory of a SavedModel, on a local disk or on any file system that TensorFlow opens.

    Raises:
        OSError: a file can't be read.
    """
    digest = hashlib.sha256()
    for name in storage.list_tree(path):
        if name.split("/")[0] == EXTRA_ASSETS:
            continue
        digest.update(f"{name}\0{_file_digest(storage.join(path, name))}\n".encode())
    return digest.hexdigest()


def _file_digest(path: str) -> str:
    """Returns the SHA-256 of a file; this process reads a local one again only where the file system says that it changed."""
    if storage.is_remote(path):
        return _read(path)
    status = os.stat(path)
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _SETTLED:
        return _read(path)
    return _known(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))


@functools.lru_cache(maxsize=_MOST_KNOWN)
def _known(path: str, state: tuple[int, ...]) -> str:
    return _read(path)


def _read(path: str) -> str:
    content = hashlib.sha256()
    with storage.open_binary(path) as file:
        while block := file.read(_BLOCK):
            content.update(block)
    return content.hexdigest()

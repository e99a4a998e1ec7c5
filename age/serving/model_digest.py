"""Tells one exported model from another by its content."""

import hashlib

from age import storage

EXTRA_ASSETS = "assets.extra"
PROVENANCE_FILE = "provenance.json"
"""The folder of a SavedModel for what is not the model: provenance, model card, warm-up requests."""

MODEL_FILE = "saved_model.pb"
"""Whoever serves a SavedModel takes it as complete when this file is there."""

_BLOCK = 1 << 20


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
        content = hashlib.sha256()
        with storage.open_binary(storage.join(path, name)) as file:
            while block := file.read(_BLOCK):
                content.update(block)
        digest.update(f"{name}\0{content.hexdigest()}\n".encode())
    return digest.hexdigest()

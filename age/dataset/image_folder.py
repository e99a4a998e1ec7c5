"""Finds the image that a row of the label file names."""

import functools
import os
import re
from typing import Protocol

from age import storage

Place = tuple[int, ...]
"""Where an image lies when its file name does not say it."""

IMAGE_FOLDERS = ("", "final_files", "images")
"""Where images are looked up, in this order, relative to the data directory."""

LARGEST_FILE = 256 << 20
"""Bytes. The largest image that is decoded has 8192x8192 pixels, which uncompressed take 192 MiB."""

_DRIVE = re.compile(r"[A-Za-z]:")


def unsafe_reason(file_name: str) -> str | None:
    """Says why a file name from a label file must not be opened, or returns None.

    Only names below the data directory are safe: a label file from a stranger must not make the pipeline read (and
    store in its records) other files of the machine.
    """
    if not file_name.strip():
        return "the file name is blank"
    if "\0" in file_name:
        return "the file name holds a NUL character"
    parts = file_name.replace("\\", "/").split("/")
    if ".." in parts:
        return "the file name climbs out of the data directory"
    if parts[0] == "" or _DRIVE.match(file_name) or storage.is_remote(file_name):
        return "the file name is not relative to the data directory"
    return None


@functools.lru_cache(maxsize=16)
def _real_folders(data_dir: str) -> tuple[str, ...]:
    """Returns where the folders of images really are: who keeps a data directory may link them to a disk with more room."""
    return tuple(os.path.realpath(storage.join(data_dir, folder)) for folder in IMAGE_FOLDERS)


def read_image(data_dir: str, file_name: str) -> bytes:
    """Returns the bytes of the image that `file_name` names.

    Args:
        data_dir: the data directory, local or on any file system that TensorFlow reads.
        file_name: a name for which `unsafe_reason` is None.

    Raises:
        FileNotFoundError: it is in none of `IMAGE_FOLDERS`.
        OSError: it is there and can't be read: no plain file, more than `LARGEST_FILE` bytes, or elsewhere than in one of
            `IMAGE_FOLDERS`, links followed.
    """
    below = None if storage.is_remote(data_dir) else _real_folders(data_dir)
    for folder in IMAGE_FOLDERS:
        try:
            return storage.read_plain_file(storage.join(data_dir, folder, file_name), LARGEST_FILE, below)
        except (FileNotFoundError, NotADirectoryError):
            continue
    raise FileNotFoundError(file_name)


class Images(Protocol):
    """The images of a data directory, however they are kept."""

    is_remote: bool

    def read(self, file_name: str, place: Place) -> bytes:
        """Returns an image's bytes.

        Args:
            file_name: a row's name for it, one for which `unsafe_reason` is None.
            place: where it lies when its name does not say it.

        Raises:
            FileNotFoundError: there is no such image.
            OSError: it can't be read.
        """
        ...


class ImageFolder:
    """The images of a data directory as loose files.

    Args:
        data_dir: the data directory.
    """

    def __init__(self, data_dir: str):
        self._data_dir = data_dir
        self.is_remote = storage.is_remote(data_dir)

    def read(self, file_name: str, place: Place = ()) -> bytes:
        """Returns an image's bytes, as `read_image` does."""
        return read_image(self._data_dir, file_name)

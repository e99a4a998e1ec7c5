"""Reads tar shards: many images in one file, as WebDataset keeps them.

Each shard is read once from front to back; of a member only its name, place, size and hash are kept. The image is read
later from its place in the shard. Nothing is ever unpacked.
"""

import collections
import hashlib
import logging
import posixpath
import tarfile
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from age import storage
from age.dataset import image_folder
from schemas.bad_input import BadInput

_ENDING = ".tar"
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_IMAGES = (".jpg", ".jpeg", ".png")
_BLOCK = 512
_PIECE = 1 << 20
# What tarfile raises on damaged headers; not all of it is of its own kind.
_DAMAGE = (tarfile.TarError, ValueError, IndexError, OverflowError, EOFError, RecursionError)


class Member(NamedTuple):
    """A member of a shard under one of the names that a row may give it.

    Attributes:
        rank: index in `IMAGE_FOLDERS` of the folder that the name leaves out; the lowest is looked up first.
        shard: number of the shard, in the order of their names.
        offset: its first byte in the shard.
        size: bytes.
        digest: SHA-256 of its bytes.
        problem: why it can't be read, or an empty text.
    """

    rank: int
    shard: int
    offset: int
    size: int
    digest: bytes
    problem: str


def find(data_dir: str) -> list[str]:
    """Returns the names of the tar shards in a data directory, sorted; none where its images are loose files.

    Raises:
        BadInput: there are compressed shards alone, or shards beside loose images.
    """
    names = storage.list_directory(data_dir)
    shards = [name for name in names if name.endswith(_ENDING)]
    compressed = [name for name in names if name.endswith(_COMPRESSED)]
    loose = [name for name in names if name in image_folder.IMAGE_FOLDERS or name.lower().endswith(_IMAGES)]
    if shards and loose:
        raise BadInput(
            f"{data_dir}: it holds tar shards ({shards[0]}) and loose images ({loose[0]}). Expected one or the other: move "
            "what shall not be used elsewhere."
        )
    if compressed and not loose:
        raise BadInput(
            f"{storage.join(data_dir, compressed[0])}: the tar shard is compressed, so that no image in it can be read "
            "without all before it. Expected plain .tar files: uncompress it (images hardly grow)."
        )
    return shards


class TarShards:
    """The images of a data directory in tar shards.

    Args:
        data_dir: the data directory.
        names: its shards.
    """

    def __init__(self, data_dir: str, names: list[str]):
        self._data_dir = data_dir
        self.names = names
        self.is_remote = storage.is_remote(data_dir)

    def path(self, shard: int) -> str:
        return storage.join(self._data_dir, self.names[shard])

    def read(self, file_name: str, place: image_folder.Place) -> bytes:
        """Returns an image's bytes.

        Args:
            file_name: the row's name for it.
            place: shard, offset and size.

        Raises:
            OSError: the shard can't be read.
        """
        shard, offset, size = place
        return storage.read_range(self.path(shard), offset, size)


def _problem(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "Is a directory"
    if info.isreg() and info.sparse is None:
        too_large = info.size > image_folder.LARGEST_FILE
        return f"{info.size} bytes, and at most {image_folder.LARGEST_FILE} are read" if too_large else ""
    kinds = {tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a hard link"}
    kind = "a device" if info.isdev() else kinds.get(info.type, f"a member of type {info.type!r}")
    return f"{kind} in a tar shard; only plain files are read"


def _digest(path: str, file: BinaryIO, info: tarfile.TarInfo) -> bytes:
    digest, left = hashlib.sha256(), info.size
    file.seek(info.offset_data)
    while left:
        piece = file.read(min(left, _PIECE))
        if not piece:
            raise BadInput(f"{path}: the tar shard ends inside {info.name!r}: it is cut off. Fetch it again.")
        digest.update(piece)
        left -= len(piece)
    return digest.digest()


def _infos(path: str, file: BinaryIO) -> Iterator[tarfile.TarInfo]:
    def damaged(offset: int, what: str) -> BadInput:
        return BadInput(f"{path}: the tar shard has {what} at byte {offset}. Fetch it again.")

    position = 0
    try:
        with tarfile.open(fileobj=file, mode="r:", encoding="utf-8", errors="surrogateescape") as archive:
            while info := archive.next():
                # It would keep every one, in a list that typeshed does not know.
                archive.members = []  # type: ignore[attr-defined]
                if info.size < 0 or info.offset_data <= position:
                    raise damaged(info.offset, "a member that leads backwards")
                position = info.offset_data
                yield info
            # It takes a damaged header for the end.
            file.seek(archive.offset)
            mark = file.read(_BLOCK)
            if len(mark) < _BLOCK:
                raise damaged(archive.offset, "no end mark, as if it were cut off,")
            if any(mark):
                raise damaged(archive.offset, "no header of a member")
    except BadInput:
        raise
    except _DAMAGE as error:
        raise BadInput(f"{path}: not a whole tar file: {error}. Expected a plain .tar of images; fetch it again.") from error


def members(path: str, shard: int) -> Iterator[tuple[str, Member]]:
    """Yields the members of a shard under each name that a row may give them, in one pass.

    Args:
        path: the shard.
        shard: its number.

    Raises:
        BadInput: it is no tar file, or not all of one.
        OSError: it can't be read.
    """
    refused: collections.Counter[str] = collections.Counter()
    with storage.open_binary(path) as file:
        for info in _infos(path, file):
            unsafe = image_folder.unsafe_reason(info.name)
            if unsafe:
                refused[unsafe.replace("the file name", "a name")] += 1
                continue
            problem = _problem(info)
            digest = b"" if problem else _digest(path, file, info)
            name = posixpath.normpath(info.name)
            for rank, folder in enumerate(image_folder.IMAGE_FOLDERS):
                if not folder or name.startswith(folder + "/"):
                    known_as = name[len(folder) + 1 :] if folder else name
                    yield known_as, Member(rank, shard, info.offset_data, info.size, digest, problem)
    for reason, number in refused.items():
        logging.warning("%s: %d members are refused because %s.", path, number, reason)

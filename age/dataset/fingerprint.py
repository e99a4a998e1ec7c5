"""Fingerprints a data directory, so that a run notices a changed label or image and nothing else.

TFX's file-based ExampleGen fingerprints the files that its pattern matches: here the label file alone, so that a changed
image would be served from the cache. This fingerprint covers the label file and the content of every image it names, or of
every tar shard.
"""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import logging
import os
from collections.abc import Callable, Iterator

from age import progress, storage
from age.dataset import image_folder, label_file, tar_shards
from age.dataset.remembered_digests import RememberedDigests
from schemas import features

_READERS = 16
_LOCAL_READERS = 4
_BATCH = 1024
_STATE_BYTES = 16


@dataclasses.dataclass(frozen=True)
class DataFingerprint:
    """What a data directory holds.

    Attributes:
        content: SHA-256 over the label file and the hash of every image it names, in the rows' order; or of every tar
            shard, in the order of their names.
        rows: number of rows in the label file.
    """

    content: str
    rows: int


_FileState = Callable[[str], bytes | None]
"""Takes a path and returns what the file system says of the file, or None where there is none."""


def _local_state(path: str) -> bytes | None:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return b"%d\0%d\0%d\0%d" % (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)


def _remote_state(path: str) -> bytes | None:
    status = storage.file_state(path)
    return status and b"%d\0%d" % status


def _file_state(data_dir: str) -> _FileState:
    """Returns what finds out the state of a directory's files: from a listing of it where its file system has one with times."""
    if not storage.is_remote(data_dir):
        return _local_state
    listed: dict[str, bytes] = {}
    for folder in image_folder.IMAGE_FOLDERS:
        listing = storage.list_states(storage.join(data_dir, folder))
        if listing is None:
            return _remote_state
        listed.update((path, b"%d\0%d" % state) for path, state in listing)
    # A listing does not go down into further folders.
    top = {storage.join(data_dir, folder).rstrip("/") for folder in image_folder.IMAGE_FOLDERS}
    return lambda path: listed.get(path) if path.rpartition("/")[0] in top else _remote_state(path)


def _state(data_dir: str, look: _FileState, name: str) -> bytes | None:
    """Returns 16 bytes that change whenever the file does that a row means by `name`, or None where there is none."""
    if not name:
        return None
    for folder in image_folder.IMAGE_FOLDERS:
        path = storage.join(data_dir, folder, name)
        seen = look(path)
        if seen is not None:
            located = path.encode("utf-8", "surrogateescape") + b"\0" + seen
            return hashlib.blake2b(located, digest_size=_STATE_BYTES).digest()
    return None


def _readable_names(label_path: str) -> Iterator[str]:
    for row in label_file.read_rows(label_path):
        readable = row.problem is None and image_folder.unsafe_reason(row.file_name) is None
        yield row.file_name if readable else ""


def _image_digest(data_dir: str, name: str) -> bytes | None:
    try:
        return hashlib.sha256(image_folder.read_image(data_dir, name)).digest()
    except (OSError, ValueError):
        return None


def _file_digest(path: str) -> "hashlib._Hash":
    digest = hashlib.sha256()
    with storage.open_binary(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest


def _shard_digest(data_dir: str, name: str) -> bytes | None:
    return _file_digest(storage.join(data_dir, name)).digest()


def data_fingerprint(data_dir: str, memory: str | None = None) -> DataFingerprint:
    """Fingerprints the label file in `data_dir` and every image it names.

    Args:
        data_dir: the data directory.
        memory: path of a file that remembers the hash of each file together with its size and times, in 48 bytes. While
            those are the same, the file is not read again.

    Returns:
        The fingerprint, which does not depend on what was remembered. Files that are missing or can't be read count as
        such; ingestion reports them.

    Raises:
        BadInput: the label file is missing or is none.
    """
    label_path = storage.join(data_dir, features.LABEL_FILE)
    label_file.read_header(label_path)
    shards = tar_shards.find(data_dir)
    if shards:
        rows = sum(1 for _ in label_file.read_rows(label_path))
        digest, _ = _fingerprint(data_dir, memory, iter(shards), _shard_digest, "shards")
    else:
        digest, rows = _fingerprint(data_dir, memory, _readable_names(label_path), _image_digest, "images")
    return DataFingerprint(content=digest, rows=rows)


def _fingerprint(
    data_dir: str,
    memory: str | None,
    names: Iterator[str],
    digest_of: Callable[[str, str], bytes | None],
    noun: str,
) -> tuple[str, int]:
    """Returns the fingerprint and how many files it covers."""
    # What a remote file system does not list may be there all the same.
    remote = storage.is_remote(data_dir)
    directory = data_dir if remote else os.path.realpath(data_dir)
    remembered = RememberedDigests(memory)
    look = _file_state(directory)
    content, done = _file_digest(storage.join(data_dir, features.LABEL_FILE)), 0
    with concurrent.futures.ThreadPoolExecutor(_READERS if remote else _LOCAL_READERS) as pool:
        # Looking at a local file takes less time than handing it to a thread.
        map_looks = pool.map if look is _remote_state else map
        while batch := list(itertools.islice(names, _BATCH)):
            states = list(map_looks(lambda name: _state(directory, look, name), batch))
            digests = remembered.find(states)
            unknown = [
                number for number, name in enumerate(batch) if not digests[number] and (states[number] or (name and remote))
            ]
            read = pool.map(lambda number: digest_of(data_dir, batch[number]), unknown)
            for number, digest in zip(unknown, read):
                digests[number] = digest
            for name, digest in zip(batch, digests):
                content.update(digest or (b"missing" if name else b"\0"))
            remembered.add(zip(states, digests), news=any(states[number] and digests[number] for number in unknown))
            done += len(batch)
            progress.report(f"Fingerprinting the {noun}", done=done, unit=noun)
    if memory is not None:
        try:
            storage.make_directory(os.path.dirname(memory) or ".")
            remembered.keep()
        except OSError as error:
            logging.warning("%s: the images' hashes can't be remembered: %s", memory, error.strerror or error)
    return content.hexdigest(), done

"""Fingerprints a data directory, so that a run notices a changed label or image and nothing else.

TFX's file-based ExampleGen fingerprints the files that its pattern matches: here the label file alone, so that a changed
image would be served from the cache. This fingerprint covers the label file and the content of every image it names.
"""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import json
import os
from typing import Iterator, Optional

from components import progress, storage
from components.face_example_gen import image_folder, label_file
from schemas import features

_READERS = 4
_BATCH = 256


@dataclasses.dataclass(frozen=True)
class DataFingerprint:
    """What a data directory holds.

    Attributes:
        content: SHA-256 over the label file and the hash of every image it names, in the rows' order.
        rows: number of rows in the label file.
    """

    content: str
    rows: int


def _readable_names(label_path: str) -> Iterator[str]:
    for row in label_file.read_rows(label_path):
        readable = row.problem is None and image_folder.unsafe_reason(row.file_name) is None
        yield row.file_name if readable else ""


def _file_state(data_dir: str, name: str) -> bytes:
    """Size and times of a file: what changes whenever its content does, at the cost of one look at the directory."""
    for folder in image_folder.IMAGE_FOLDERS:
        try:
            status = os.stat(os.path.join(data_dir, folder, name))
        except OSError:
            continue
        return f"{folder}/{name}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_ino}\n".encode(
            "utf-8", "surrogateescape"
        )
    return f"{name}\0missing\n".encode("utf-8", "surrogateescape")


def _state_digest(data_dir: str) -> str:
    label_path = storage.join(data_dir, features.LABEL_FILE)
    digest = hashlib.sha256(_file_state(data_dir, features.LABEL_FILE))
    for name in _readable_names(label_path):
        digest.update(_file_state(data_dir, name) if name else b"\0")
    return digest.hexdigest()


def _image_digest(data_dir: str, name: str) -> bytes:
    if not name:
        return b"\0"
    try:
        return hashlib.sha256(image_folder.read_image(data_dir, name)).digest()
    except OSError:
        return b"missing"


def _content_digest(data_dir: str) -> DataFingerprint:
    label_path = storage.join(data_dir, features.LABEL_FILE)
    digest, rows = hashlib.sha256(), 0
    with storage.open_binary(label_path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    names = _readable_names(label_path)
    with concurrent.futures.ThreadPoolExecutor(_READERS) as pool:
        while batch := list(itertools.islice(names, _BATCH)):
            for image_digest in pool.map(lambda name: _image_digest(data_dir, name), batch):
                digest.update(image_digest)
            rows += len(batch)
            progress.report("Fingerprinting the images", done=rows, unit="images")
    return DataFingerprint(content=digest.hexdigest(), rows=rows)


def data_fingerprint(data_dir: str, memory: Optional[str] = None) -> DataFingerprint:
    """Fingerprints the label file in `data_dir` and every image it names.

    Args:
        data_dir: the data directory.
        memory: path of a small JSON file that remembers the last fingerprint together with the sizes and times of the
            files it was taken from. While those are the same, no image is read again. Used for local directories.

    Returns:
        The fingerprint. Files that are missing or can't be read count as such; ingestion reports them.

    Raises:
        BadInput: the label file is missing or is none.
    """
    label_file.read_header(storage.join(data_dir, features.LABEL_FILE))
    if memory is None or storage.is_remote(data_dir) or storage.is_remote(memory):
        return _content_digest(data_dir)
    state = {"directory": os.path.realpath(data_dir), "state": _state_digest(data_dir)}
    try:
        with open(memory, encoding="utf-8") as file:
            remembered = json.load(file)
        if all(remembered.get(key) == value for key, value in state.items()):
            return DataFingerprint(content=remembered["content"], rows=remembered["rows"])
    except (OSError, ValueError, KeyError, AttributeError):
        pass
    fingerprint = _content_digest(data_dir)
    storage.make_directory(os.path.dirname(os.path.abspath(memory)))
    storage.write_text(memory, json.dumps({**state, **dataclasses.asdict(fingerprint)}))
    return fingerprint

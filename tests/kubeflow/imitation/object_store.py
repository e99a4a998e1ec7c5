"""The object store, and how artifacts are copied to and from it: `backend/src/v2/objectstore/object_store.go`."""

import pathlib
import shutil
from collections.abc import Iterator

_MOUNTS = {"minio": "minio", "s3": "s3", "gs": "gcs"}


class UnsupportedScheme(Exception):
    """The launcher has no local path for a URI."""


def local_path(uri: str, root: pathlib.Path) -> pathlib.Path:
    """Returns where a container finds an artifact (`LocalPathForURI`), below the root of its file system."""
    scheme, _, rest = uri.partition("://")
    if scheme not in _MOUNTS:
        raise UnsupportedScheme(f"failed to generate local path for URI {uri}: unsupported storage scheme")
    return root / _MOUNTS[scheme] / rest


class ObjectStore:
    """Files by key: it knows no directories, and so no empty ones.

    Args:
        directory: where it keeps them.
    """

    def __init__(self, directory: pathlib.Path):
        self._directory = directory

    def path(self, uri: str) -> pathlib.Path:
        """Returns where it keeps what was uploaded under a URI."""
        return local_path(uri, self._directory)

    def upload(self, uri: str, path: pathlib.Path) -> bool:
        """Copies a file, or what is in a directory (`UploadBlob`); returns whether there is such a path."""
        for file in _files(path):
            _copy(file, self.path(uri) / file.relative_to(path) if path.is_dir() else self.path(uri))
        return path.exists()

    def download(self, uri: str, path: pathlib.Path, with_siblings: bool) -> int:
        """Copies what is stored under a URI (`DownloadBlob`) and returns the bytes.

        Args:
            uri: of the artifact.
            path: where the container shall find it.
            with_siblings: whether the URI is taken for the beginning of a key, whatever follows.
        """
        key = self.path(uri)
        beginnings = sorted(key.parent.glob(f"{key.name}*")) if with_siblings else [key]
        copied = 0
        for beginning in beginnings:
            for file in _files(beginning):
                target = path.parent / beginning.name
                _copy(file, target / file.relative_to(beginning) if beginning.is_dir() else target)
                copied += file.stat().st_size
        return copied


def _files(path: pathlib.Path) -> Iterator[pathlib.Path]:
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file())


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)

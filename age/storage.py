"""Opens, lists and looks up files, on local disks without TensorFlow and anywhere else through TensorFlow's file systems."""

import contextlib
import errno
import io
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

    from _typeshed import WriteableBuffer


def is_remote(path: str) -> bool:
    """Whether `path` names a file system by scheme, such as `gs://bucket/key`."""
    return "://" in path


def _gfile() -> "ModuleType":
    import tensorflow as tf

    return cast("ModuleType", tf.io.gfile)


_published: dict[str, str] = {}


def publish_as(local_path: str, uri: str) -> None:
    """Remembers that what a step finds or writes at a local path is known to everybody else by a URI."""
    _published[local_path] = uri


def published_uri(path: str) -> str:
    """Returns the name under which others find a path: on Kubeflow, steps see local copies of artifacts."""
    for local_path, uri in _published.items():
        if path == local_path or path.startswith(local_path + "/"):
            return uri + path[len(local_path) :]
    return path


def join(directory: str, *parts: str) -> str:
    return os.path.join(directory, *parts)


@contextlib.contextmanager
def _as_os_errors(path: str) -> Iterator[None]:
    """Turns TensorFlow's file errors into Python's own: who reads a file need not know where it lies."""
    import tensorflow as tf

    try:
        yield
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "no such file", path) from error
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, error.message or type(error).__name__, path) from error


class _RemoteFile(io.RawIOBase):
    """The bytes of a file that TensorFlow's file systems read."""

    def __init__(self, path: str):
        super().__init__()
        self._path = path
        self._file = _gfile().GFile(path, "rb")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        with _as_os_errors(self._path):
            block: bytes = self._file.read(len(view))
        view[: len(block)] = block
        return len(block)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        with _as_os_errors(self._path):
            self._file.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        with _as_os_errors(self._path):
            place: int = self._file.tell()
        return place

    def close(self) -> None:
        self._file.close()
        super().close()


_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


_BLOCK = 1 << 20
"""Bytes that are read from a remote file at a time."""


def _plain_descriptor(path: str) -> int:
    """Opens a local file for reading without waiting for anybody, as opening a named pipe would.

    Raises:
        OSError: it can't be opened, or is no plain file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
    raise OSError(errno.EINVAL, f"{kind}, and no plain file", path)


def open_binary(path: str) -> io.BufferedReader:
    """Opens a file for reading bytes.

    Raises:
        FileNotFoundError: there is no such file; for a remote file, when it is first read.
        OSError: it can't be opened, or is no plain file; likewise.
    """
    if is_remote(path):
        return io.BufferedReader(_RemoteFile(path), buffer_size=_BLOCK)
    return open(_plain_descriptor(path), "rb")


def read_plain_file(path: str, largest: int, below: tuple[str, ...] | None = None) -> bytes:
    """Returns the content of a file that a stranger named or made.

    Args:
        path: the file.
        largest: bytes; a file that has more is not read.
        below: real paths of local directories; symbolic links must not lead out of all of them. None for anywhere.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it can't be read, is no plain file, is too large, or lies elsewhere.
    """
    if is_remote(path):
        return _read_remote(path, largest)
    descriptor = _plain_descriptor(path)
    try:
        if below is not None and not _real_path(descriptor, path).startswith(tuple(one.rstrip("/") + "/" for one in below)):
            raise OSError(errno.EPERM, "a symbolic link that leads out of the data directory", path)
        size = os.fstat(descriptor).st_size
        if size > largest:
            raise OSError(errno.EFBIG, f"{size} bytes, and at most {largest} are read", path)
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            content = file.readall()
    finally:
        os.close(descriptor)
    return content


def _read_remote(path: str, largest: int) -> bytes:
    """Reads to the end in blocks: asking how large the file is would be a request of its own for each image."""
    content = bytearray()
    with open_binary(path) as file:
        while block := file.read1(_BLOCK):
            content += block
            if len(content) > largest:
                raise OSError(errno.EFBIG, f"more than {largest} bytes, and at most that many are read", path)
    return bytes(content)


def _real_path(descriptor: int, path: str) -> str:
    try:
        # One call, and about the very file that is open.
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return os.path.realpath(path)


def read_bytes(path: str) -> bytes:
    """Returns a file's content.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it can't be read.
    """
    if not is_remote(path):
        with open(path, "rb") as file:
            return file.read()
    with _as_os_errors(path), _gfile().GFile(path, "rb") as file:
        content: bytes = file.read()
    return content


def read_range(path: str, offset: int, size: int) -> bytes:
    """Returns `size` bytes of a file from `offset` on, or fewer where the file ends.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it can't be read.
    """
    if not is_remote(path):
        with open(path, "rb", buffering=0) as file:
            return os.pread(file.fileno(), size, offset)
    with _as_os_errors(path), _gfile().GFile(path, "rb") as file:
        file.seek(offset)
        content: bytes = file.read(size)
    return content


def file_size(path: str) -> int:
    """Returns the length of a file in bytes.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: nobody can tell.
    """
    if not is_remote(path):
        return os.path.getsize(path)
    with _as_os_errors(path):
        size: int = _gfile().stat(path).length
    return size


def write_text(path: str, text: str) -> None:
    """Writes a text file whole: a reader sees the old content or the new, never half of it (on local disks)."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str, content: bytes, durable: bool = False) -> None:
    """Writes a file whole, as `write_text` does.

    Args:
        path: the file.
        content: its bytes.
        durable: return only when a local disk has it, so that it is there after the power fails.

    Raises:
        OSError: it can't be written.
    """
    if is_remote(path):
        with _as_os_errors(path), _gfile().GFile(path, "wb") as file:
            file.write(content)
        return
    unfinished = f"{path}.{os.getpid()}.unfinished"
    with open(unfinished, "wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(unfinished, path)
    if durable:
        sync(os.path.dirname(path) or ".")


@contextlib.contextmanager
def replacing(path: str) -> Iterator[io.BufferedIOBase]:
    """Yields a file to write a large content to, which takes the place of `path` when the context ends well.

    A reader sees the old content or the new. What goes to a bucket is collected in memory.

    Raises:
        OSError: it can't be written; what was there before is still there.
    """
    if is_remote(path):
        content = io.BytesIO()
        yield content
        write_bytes(path, content.getvalue())
        return
    unfinished = f"{path}.{os.getpid()}.unfinished"
    try:
        with open(unfinished, "wb") as file:
            yield file
        os.replace(unfinished, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(unfinished)
        raise


def sync(path: str) -> None:
    """Returns when the disk has what was written to a local file, or the names in a local directory."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(path: str) -> None:
    """Returns when the disk has a local directory with all that is in it."""
    for directory, _, names in os.walk(path, topdown=False):
        for name in names:
            sync(join(directory, name))
        sync(directory)


def file_state(path: str) -> tuple[int, int] | None:
    """Returns the length in bytes and the time of the last change (microseconds) of a remote file, or None."""
    try:
        with _as_os_errors(path):
            status = _gfile().stat(path)
    except OSError:
        return None
    return status.length, status.mtime_nsec // 1000


def list_states(directory: str) -> Iterator[tuple[str, tuple[int, int]]] | None:
    """Yields the paths of a remote directory's files, each with what `file_state` says, by few calls.

    Returns None where Beam does not know the file system. Times in a listing may be rounded otherwise than `file_state`'s.
    """
    from apache_beam.io import filesystem, filesystems

    try:
        schemes = {known.scheme() for known in filesystem.FileSystem.get_all_subclasses()}
        if directory.partition("://")[0] not in schemes - {"file"}:
            return None
        (listing,) = filesystems.FileSystems.match([join(directory, "*")])
    except (ValueError, filesystem.BeamIOError):
        return None
    return (
        (found.path, (found.size_in_bytes, round(found.last_updated_in_seconds * 1_000_000)))
        for found in listing.metadata_list
    )


def concatenate(beginning: str, parts: Iterable[str], whole: str) -> None:
    """Writes a file of a text and the content of other files after it; memory does not grow with them."""
    unfinished = whole if is_remote(whole) else f"{whole}.{os.getpid()}.unfinished"
    with _gfile().GFile(whole, "wb") if is_remote(whole) else open(unfinished, "wb") as file:
        file.write(beginning.encode("utf-8"))
        for path in parts:
            with open_binary(path) as part:
                shutil.copyfileobj(part, file, 1 << 20)
    if unfinished != whole:
        os.replace(unfinished, whole)


def exists(path: str) -> bool:
    """Whether there is a file or a directory.

    Raises:
        OSError: nobody can tell; a remote file system does not answer.
    """
    if not is_remote(path):
        return os.path.exists(path)
    with _as_os_errors(path):
        return bool(_gfile().exists(path))


def is_directory(path: str) -> bool:
    return _gfile().isdir(path) if is_remote(path) else os.path.isdir(path)


def make_directory(path: str) -> None:
    if is_remote(path):
        with _as_os_errors(path):
            _gfile().makedirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def list_directory(path: str) -> list[str]:
    """Returns the names in a directory, without trailing slashes, sorted; nothing when there is no such directory."""
    if not is_directory(path):
        return []
    names = _gfile().listdir(path) if is_remote(path) else os.listdir(path)
    return sorted(name.rstrip("/") for name in names)


def list_tree(path: str) -> list[str]:
    """Returns the paths of a directory's files, at any depth, relative to it and with `/` between folders, sorted."""
    walk = _gfile().walk(path) if is_remote(path) else os.walk(path)
    found = []
    for directory, _, names in walk:
        below = directory[len(path) :].strip("/")
        found += [f"{below}/{name}" if below else name for name in names]
    return sorted(found)


def link_or_copy_tree(source: str, destination: str) -> None:
    """Copies a directory; files become hard links where both ends share one local disk."""
    if is_remote(source) or is_remote(destination):
        for name in list_tree(source):
            target = join(destination, name)
            make_directory(os.path.dirname(target))
            with _as_os_errors(target):
                _gfile().copy(join(source, name), target, overwrite=True)
        return

    def link_or_copy(old: str, new: str) -> None:
        try:
            os.link(old, new)
        except OSError:
            shutil.copy2(old, new)

    shutil.copytree(source, destination, copy_function=link_or_copy, dirs_exist_ok=True)


def remove_file(path: str) -> None:
    if is_remote(path):
        _gfile().remove(path)
    else:
        os.remove(path)


def remove_tree(path: str) -> None:
    if is_remote(path):
        _gfile().rmtree(path)
    else:
        shutil.rmtree(path)


def rename(source: str, destination: str) -> None:
    """Gives a file another path on the same file system, or a local directory.

    Raises:
        OSError: it can't be done, such as where a directory with something in it has the name.
    """
    if is_remote(source):
        with _as_os_errors(source):
            _gfile().rename(source, destination)
    else:
        os.rename(source, destination)

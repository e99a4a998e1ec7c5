"""Lets one process at a time change a directory, on one machine or on several."""

import contextlib
import fcntl
import os
import time
import uuid
from collections.abc import Callable, Iterator

from age import storage
from schemas.bad_input import BadInput

LEASE = 120.0
"""Seconds after which a process that holds the lock of a directory on an object store is taken for dead."""

StillMine = Callable[[], bool]


@contextlib.contextmanager
def locked(path: str, wait: float = 600.0) -> Iterator[StillMine]:
    """Holds the lock while the block runs.

    On a local disk, or a network file system mounted as one, it is `flock`, which ends with the process. On an object store it
    is Lamport's bakery algorithm (A New Solution of Dijkstra's Concurrent Programming Problem, 1974), which needs nothing of
    the store but that what was written is read and listed at once.

    Args:
        path: of the lock, a file or a folder of its own.
        wait: seconds after which somebody else has had it too long.

    Yields:
        A function that says whether the lock still is this process's: on an object store its lease ends.

    Raises:
        BadInput: it can't be had.
    """
    with (_ticket_lock if storage.is_remote(path) else _file_lock)(path, wait) as still_mine:
        yield still_mine


def _refused(path: str, wait: float) -> BadInput:
    return BadInput(
        f"{path}: another process has been changing the serving directory for {wait:.0f} s. Expected it to take seconds: see "
        "whether it hangs, end it, and try again."
    )


@contextlib.contextmanager
def _file_lock(path: str, wait: float) -> Iterator[StillMine]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise BadInput(f"{path}: the serving directory can't be written: {error.strerror}.") from error
    try:
        end = time.monotonic() + wait
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise _refused(path, wait) from None
                time.sleep(0.005)
            except OSError as error:
                raise BadInput(
                    f"{path}: the file system has no locks ({error.strerror}), so two runs could push at once. Expected a local "
                    "disk, a volume with locks (as NFS 4 has them), or an object store such as s3://."
                ) from error
        yield lambda: True
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _ticket_lock(directory: str, wait: float) -> Iterator[StillMine]:
    storage.make_directory(directory)
    name = uuid.uuid4().hex
    choosing = storage.join(directory, f"choosing-{name}")
    ticket = ""
    began = time.monotonic()
    try:
        storage.write_text(choosing, str(time.time()))
        number = max((int(one.split("-")[1]) for one in _tickets(directory)), default=0) + 1
        ticket = storage.join(directory, f"ticket-{number:010d}-{name}")
        storage.write_text(ticket, str(time.time()))
        storage.remove_file(choosing)
        renewed = time.monotonic()
        while _others_first(directory, os.path.basename(ticket)):
            if time.monotonic() - began > wait:
                raise _refused(directory, wait)
            if time.monotonic() - renewed > LEASE / 4:
                storage.write_text(ticket, str(time.time()))
                renewed = time.monotonic()
            time.sleep(0.05)
        storage.write_text(ticket, str(time.time()))
        end = time.monotonic() + LEASE / 2
        yield lambda: time.monotonic() < end and storage.exists(ticket)
    finally:
        for path in (choosing, ticket):
            with contextlib.suppress(OSError):
                if path and storage.exists(path):
                    storage.remove_file(path)


def _tickets(directory: str) -> list[str]:
    return [name for name in storage.list_directory(directory) if name.startswith("ticket-")]


def _others_first(directory: str, mine: str) -> bool:
    """Whether somebody has an earlier ticket or is just taking one; what the dead left is removed."""
    for name in storage.list_directory(directory):
        ahead = name.startswith("choosing-") or (name.startswith("ticket-") and name < mine)
        if ahead and not _removed_as_dead(storage.join(directory, name)):
            return True
    return False


def _removed_as_dead(path: str) -> bool:
    try:
        written = float(storage.read_bytes(path) or b"nan")
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    if not time.time() - written > LEASE:
        return False
    with contextlib.suppress(OSError):
        storage.remove_file(path)
    return True

"""The history of a serving directory: one file for each event, which nobody changes or removes afterwards.

An event is announced before it is brought about, and recorded afterwards: a process that dies in between leaves known what it did.
"""

import datetime
import getpass
import os
import socket
import uuid
from typing import Literal

import pydantic

from age import storage
from schemas.bad_input import BadInput

What = Literal["published", "withdrawn", "restored", "pruned", "found", "gone", "declined", "outdated"]
"""`found` and `gone`: somebody else put a version there or took it away, and it was noticed later. `declined` and `outdated`: of
a model that waited for approval, a person wanted it not, or nobody would have been let approve it any more."""

PRESENT: tuple[What, ...] = ("published", "restored", "found")
"""After these events a version is in the directory."""


class Event(pydantic.BaseModel):
    """Something that happened to a version.

    Attributes:
        when: UTC.
        what: what happened.
        version: to which version; 0 for a model that was none.
        digest: content of its model (see `model_digest`); empty where it was gone before anybody looked.
        run: the run that did it, or that made the model; empty for a person.
        by: user and machine.
        why: the reason, in words.
        mae: mean absolute error that the run measured, years; None where nobody said.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    when: datetime.datetime
    what: What
    version: int
    digest: str = ""
    run: str = ""
    by: str = ""
    why: str = ""
    mae: float | None = None


def whoever_this_is() -> str:
    """Returns the user and the machine of this process, such as `anna@gpu-3`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def read(directory: str) -> list[Event]:
    """Returns the events in the order in which they were recorded.

    Args:
        directory: the folder with one file for each.

    Raises:
        BadInput: a file holds no event. None is passed over: a withdrawal that is not seen would be undone.
    """
    paths = [storage.join(directory, name) for name in storage.list_directory(directory) if name.endswith(".json")]
    return [event for event in map(_event, paths) if event is not None]


def _event(path: str) -> Event | None:
    try:
        return Event.model_validate_json(storage.read_bytes(path))
    except FileNotFoundError:
        return None
    except (pydantic.ValidationError, OSError) as error:
        raise BadInput(
            f"{path}: expected an event of the serving directory's history, and it can't be read as one: "
            f"{str(error).splitlines()[0]}. Mend the file from a copy, or move it away; which versions were withdrawn is known "
            "from these files alone."
        ) from error


def announce(path: str, event: Event) -> None:
    """Says what is about to be done; the caller holds the directory's lock.

    Args:
        path: the file that says it, in place of what was announced before.
        event: as it will be recorded.
    """
    storage.write_bytes(path, _written(event), durable=True)


def announced(path: str) -> Event | None:
    """Returns what was announced last; None where that was recorded, or given up.

    Raises:
        BadInput: the file holds no event.
    """
    return _event(path)


def settle(path: str) -> None:
    """Takes back what was announced, because it is recorded or never came about; the caller holds the directory's lock."""
    if storage.exists(path):
        storage.remove_file(path)


def _written(event: Event) -> bytes:
    return event.model_dump_json(indent=2).encode() + b"\n"


def record(directory: str, event: Event) -> None:
    """Adds an event behind those that are there; the caller holds the directory's lock."""
    storage.make_directory(directory)
    numbers = [int(name[:8]) for name in storage.list_directory(directory) if name[:8].isdigit()]
    # The rest of the name keeps two events apart even where the lock did not hold.
    name = f"{max(numbers, default=0) + 1:08d}-{uuid.uuid4().hex[:8]}.json"
    storage.write_bytes(storage.join(directory, name), _written(event), durable=True)

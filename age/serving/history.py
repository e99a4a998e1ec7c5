"""The history of a serving directory: one file for each event, which nobody changes or removes afterwards."""

import datetime
import getpass
import os
import socket
import uuid
from typing import Literal

import pydantic

from age import storage
from schemas.bad_input import BadInput

What = Literal["published", "withdrawn", "restored", "pruned", "found", "gone"]
"""`found` and `gone`: somebody else put a version there or took it away, and it was noticed later."""

PRESENT: tuple[What, ...] = ("published", "restored", "found")
"""After these events a version is in the directory."""


class Event(pydantic.BaseModel):
    """Something that happened to a version.

    Attributes:
        when: UTC.
        what: what happened.
        version: to which version.
        digest: content of its model (see `model_digest`); empty where it was gone before anybody looked.
        run: the run that did it; empty for a person.
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
    events = []
    for name in storage.list_directory(directory):
        if not name.endswith(".json"):
            continue
        path = storage.join(directory, name)
        try:
            events.append(Event.model_validate_json(storage.read_bytes(path)))
        except FileNotFoundError:
            continue
        except (pydantic.ValidationError, OSError) as error:
            raise BadInput(
                f"{path}: expected an event of the serving directory's history, and it can't be read as one: "
                f"{str(error).splitlines()[0]}. Mend the file from a copy, or move it away; which versions were withdrawn is known "
                "from these files alone."
            ) from error
    return events


def record(directory: str, event: Event) -> None:
    """Adds an event behind those that are there; the caller holds the directory's lock."""
    storage.make_directory(directory)
    numbers = [int(name[:8]) for name in storage.list_directory(directory) if name[:8].isdigit()]
    # The rest of the name keeps two events apart even where the lock did not hold.
    name = f"{max(numbers, default=0) + 1:08d}-{uuid.uuid4().hex[:8]}.json"
    storage.write_bytes(storage.join(directory, name), event.model_dump_json(indent=2).encode() + b"\n", durable=True)

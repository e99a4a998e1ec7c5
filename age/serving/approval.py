"""Keeps blessed models that wait for a person's approval: whole, where no server looks.

    <serving directory>/.age-pipeline/waiting/<run>/model/           the SavedModel
    <serving directory>/.age-pipeline/waiting/<run>/candidate.json   what is known of it; written last

They lie in the serving directory because whoever approves reaches that, which can't be said of a run's artifacts: on Kubeflow
those are in the cluster's object store. On one disk a model is linked, and takes no room of its own.
"""

import dataclasses
import datetime
import os
from typing import Literal

import pydantic

from age import storage
from schemas.bad_input import BadInput

Mode = Literal["automatic", "manual"]
AUTOMATIC: Mode = "automatic"
MANUAL: Mode = "manual"

MOST = 10
"""So many models wait at most; of more, the oldest go."""

_MODEL, _CANDIDATE_FILE = "model", "candidate.json"


class Candidate(pydantic.BaseModel):
    """What is known of a model that waits.

    Attributes:
        run: the run that made it.
        digest: of its content.
        champion_version: the version that it was compared with; 0 for none.
        champion_digest: digest of that one's content; empty likewise.
        report_dir: the folder of the run's report, as the run saw it.
        mae: what the run measured, years.
        since: when it was put here, UTC.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    run: str
    digest: str
    champion_version: int
    champion_digest: str
    report_dir: str
    mae: float | None
    since: datetime.datetime


@dataclasses.dataclass(frozen=True)
class Waiting:
    """A model that waits.

    Attributes:
        candidate: what is known of it.
        path: its folder.
    """

    candidate: Candidate
    path: str

    @property
    def model(self) -> str:
        """Directory of the SavedModel."""
        return storage.join(self.path, _MODEL)


def keep(folder: str, unfinished: str, model: str, candidate: Candidate) -> Waiting:
    """Puts a model where it waits; one that the same run put there before makes room.

    Args:
        folder: of all that wait.
        unfinished: a path on the same file system, for what is not whole yet; nothing is there.
        model: directory of the SavedModel.
        candidate: what is known of it.

    Raises:
        OSError: it can't be written.
    """
    path = storage.join(folder, candidate.run)
    written = path if storage.is_remote(folder) else unfinished
    remove(path)
    storage.link_or_copy_tree(model, storage.join(written, _MODEL))
    content = candidate.model_dump_json(indent=2).encode() + b"\n"
    storage.write_bytes(storage.join(written, _CANDIDATE_FILE), content, durable=True)
    if written != path:
        storage.sync_tree(written)
        storage.make_directory(folder)
        storage.rename(written, path)
        storage.sync(folder)
    return Waiting(candidate, path)


def read(folder: str) -> list[Waiting]:
    """Returns the models that wait, by the name of their runs.

    Raises:
        BadInput: what is known of one can't be read.
    """
    found = []
    for name in storage.list_directory(folder):
        path = storage.join(folder, name)
        file = storage.join(path, _CANDIDATE_FILE)
        try:
            found.append(Waiting(Candidate.model_validate_json(storage.read_bytes(file)), path))
        except FileNotFoundError:
            continue
        except (pydantic.ValidationError, OSError) as error:
            raise BadInput(
                f"{file}: expected what is known of a model that waits for approval, and it can't be read: "
                f"{str(error).splitlines()[0]}. Remove the folder and run again: the model comes from the cache."
            ) from error
    return found


def sweep(folder: str) -> None:
    """Removes what is not whole; the caller holds the directory's lock, so that nobody is about to complete it."""
    for name in storage.list_directory(folder):
        path = storage.join(folder, name)
        if not storage.exists(storage.join(path, _CANDIDATE_FILE)):
            remove(path)


def remove(path: str) -> None:
    """Takes a model away that waits, where there is one; what is known of it goes first."""
    file = os.path.join(path, _CANDIDATE_FILE)
    if storage.exists(file):
        storage.remove_file(file)
    if storage.is_directory(path):
        storage.remove_tree(path)

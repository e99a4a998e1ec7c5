"""Keeps what was answered so far beside the file that it will become, so that an interrupted `predict` can go on.

`FILE.unfinished` has a line about the model, then a line of JSON for each photograph in the order in which they were asked
about. A line that is cut off is a photograph that was not answered.
"""

import dataclasses
import json
import os
from collections.abc import Iterator
from typing import Any

from age.faces.framing import Face
from age.serving import Prediction
from schemas.bad_input import BadInput

NO_SEARCH = ""
"""Photographs were asked about as they are, and nothing was looked for in them."""

_ENDING = ".unfinished"


@dataclasses.dataclass(frozen=True)
class Model:
    """The model that answered.

    Attributes:
        path: its directory.
        digest: of its content.
        outputs: the names of what it gives, `age` first.
        search: how faces were looked for: `NO_SEARCH`, or which of the two, and the digest of the detector.
    """

    path: str
    digest: str
    outputs: tuple[str, ...]
    search: str = NO_SEARCH


@dataclasses.dataclass(frozen=True)
class Answer:
    """A photograph's name and what was answered for it: once, or for each of its faces."""

    file_name: str
    predictions: tuple[Prediction, ...]

    @property
    def is_unread(self) -> bool:
        """Whether there is no age for it."""
        return all(one.age is None for one in self.predictions)


class Journal:
    """The answers so far.

    Args:
        out: the file that they become.
    """

    def __init__(self, out: str):
        self.path = out + _ENDING
        self._file: Any = None

    def exists(self) -> bool:
        return os.path.exists(self.path)

    def model(self) -> Model:
        """Returns the model that the answers come from.

        Raises:
            BadInput: the file is no journal.
        """
        try:
            with open(self.path, encoding="utf-8") as file:
                head = json.loads(file.readline())
            return Model(head["model"], head["digest"], tuple(head["outputs"]), head["search"])
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise BadInput(f"{self.path}: not what an interrupted predict leaves. Remove it and start again.") from error

    def begin(self, model: Model) -> None:
        """Starts anew, over whatever there is."""
        with open(self.path, "w", encoding="utf-8") as file:
            head = {"model": model.path, "digest": model.digest, "outputs": model.outputs, "search": model.search}
            file.write(json.dumps(head) + "\n")

    def answers(self) -> Iterator[Answer]:
        """Yields the answers so far, in order."""
        with open(self.path, "rb") as file:
            file.readline()
            for line in file:
                if not line.endswith(b"\n"):
                    return
                name, rows = json.loads(line)
                yield Answer(name, tuple(map(_prediction, rows)))

    def forget_what_is_cut_off(self) -> None:
        """Removes the last line where the process ended while it was written."""
        with open(self.path, "rb+") as file:
            whole = 0
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
            file.truncate(whole)

    def append(self, answers: list[Answer]) -> None:
        """Adds answers; when this returns they outlive the process."""
        if self._file is None:
            self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115  it stays open from batch to batch
        for answer in answers:
            self._file.write(json.dumps([answer.file_name, list(map(_row, answer.predictions))]) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def remove(self) -> None:
        self.close()
        os.remove(self.path)


def _row(prediction: Prediction) -> list[Any]:
    face = prediction.face and [prediction.face.box, prediction.face.score]
    return [prediction.age, prediction.age_low, prediction.age_high, prediction.error, prediction.warning, face]


def _prediction(row: list[Any]) -> Prediction:
    *answered, face = row
    # The points of a face are in no output.
    return Prediction(*answered, face=Face(tuple(face[0]), (), face[1]) if face else None)

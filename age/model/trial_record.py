"""The file in which a search keeps its trials, so that it goes on after it was killed."""

import pydantic

from age import storage
from schemas.bad_input import BadInput
from schemas.verdict import Search, Trial

TRIALS_FILE = "trials.json"


def write(search: Search, directory: str) -> None:
    """Writes the trials of a search into a directory, which is made where there is none."""
    storage.make_directory(directory)
    storage.write_text(storage.join(directory, TRIALS_FILE), search.model_dump_json(indent=2) + "\n")


def read(directory: str) -> Search:
    """Reads what `write` wrote."""
    return Search.model_validate_json(storage.read_bytes(storage.join(directory, TRIALS_FILE)))


class TrialRecord:
    """The trials of one search, written anew after each epoch: the file is there whole or not at all.

    Args:
        directory: of the search; made when the first trial begins.

    Attributes:
        trials: in the order in which they began.
    """

    def __init__(self, directory: str):
        self._directory = directory
        self._path = storage.join(directory, TRIALS_FILE)
        self.trials: list[Trial] = self._read()

    def _read(self) -> list[Trial]:
        if not storage.exists(self._path):
            return []
        try:
            return Search.model_validate_json(storage.read_bytes(self._path)).trials
        except pydantic.ValidationError as error:
            raise BadInput(
                f"{self._path}: these are no trials of a search ({error.errors()[0]['msg']}). Remove the file to search anew."
            ) from error

    def write(self, trial: Trial) -> None:
        """Adds a trial, or replaces what was known of it."""
        if trial.number < len(self.trials):
            self.trials[trial.number] = trial
        else:
            self.trials.append(trial)
        storage.make_directory(self._directory)
        with storage.replacing(self._path) as file:
            file.write(self.search().model_dump_json(indent=2).encode())

    def search(self) -> Search:
        """Returns what the search has found so far."""
        finished = [trial for trial in self.trials if trial.status == "finished" and trial.validation_mae is not None]
        best = min(finished, key=lambda trial: trial.validation_mae or 0.0, default=None)
        return Search(
            trials=self.trials, best=best.number if best else None, seconds=sum(trial.seconds for trial in self.trials)
        )

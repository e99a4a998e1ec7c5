"""The file from which an interrupted training goes on: everything that it needs, as it was after its last epoch."""

import dataclasses
import hashlib
import json
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from absl import logging

from age import code_digest, storage
from age.model.example_reading import Split
from age.model.network import AgeNetwork
from age.model.settings import TrainerSettings

_SUFFIX = ".npz"
_DAMAGED = ".damaged"
_UNFINISHED = ".unfinished"
_KEPT = 3
_CODE = ("age.model.training",)
_STATE = "state"


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A training as it was after an epoch.

    Attributes:
        epochs: how many it had finished.
        seconds: how long it had taken.
        history: what was measured after each of them, by name.
        best: the best validation MAE, years.
        best_epoch: the epoch that had it, counted from 0.
        wait: epochs since then.
        variables: of the fitted model (states of random numbers among them), then of the optimizer, in Keras' order.
        best_weights: of the fitted model after the best epoch, in Keras' order.
    """

    epochs: int
    seconds: float
    history: dict[str, list[float]]
    best: float
    best_epoch: int
    wait: int
    variables: list[npt.NDArray[Any]]
    best_weights: list[npt.NDArray[Any]]


_SCALARS = tuple(field.name for field in dataclasses.fields(Checkpoint) if field.name not in ("variables", "best_weights"))


def key(net: AgeNetwork, settings: TrainerSettings, training: Split, validation: Split) -> str:
    """Returns a hash over everything that a training's course depends on: code, settings, first weights, examples.

    Args:
        net: before any training.
        settings: the `trainer` section.
        training: what will be learnt from.
        validation: what chooses the best epoch.
    """
    digest = hashlib.sha256(code_digest.of(*_CODE).encode())
    digest.update(json.dumps(settings.model_dump(), sort_keys=True).encode())
    for weight in net.trained.weights:
        digest.update(repr(tuple(weight.shape)).encode())
        digest.update(np.ascontiguousarray(weight.numpy()).data)
    for split in (training, validation):
        for column in (split.labels.sha256, split.labels.ages, split.labels.rank):
            digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


def _modified(path: str) -> int:
    modified: int = tf.io.gfile.stat(path).mtime_nsec
    return modified


class CheckpointFile:
    """Where the checkpoint of one training is kept.

        file = CheckpointFile("runs/faces/checkpoints", key(net, settings, training, validation))

    A NumPy archive, which is there whole or not at all, and whose checksums tell whether it is what was written.

    Args:
        directory: for the checkpoints of all trainings, local or in a bucket; made when the first one is written.
        key: of the training. Another key is another file, so that no training goes on from what another one left.
    """

    def __init__(self, directory: str, key: str):
        self._directory = directory
        self.path = storage.join(directory, key[:24] + _SUFFIX)

    def read(self) -> Checkpoint | None:
        """Returns what an interrupted training left; None where there is nothing.

        A damaged file is put aside under another name, which the log says.

        Raises:
            OSError: it is there and can't be read.
        """
        if not storage.exists(self.path):
            return None
        try:
            with storage.open_binary(self.path) as file, np.load(file, allow_pickle=False) as archive:
                state = json.loads(archive[_STATE].tobytes())
                count, best_count = state.pop("counts")
                return Checkpoint(
                    **{name: state[name] for name in _SCALARS},
                    variables=[archive[f"variable_{number}"] for number in range(count)],
                    best_weights=[archive[f"best_{number}"] for number in range(best_count)],
                )
        except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError) as error:
            aside = self.path + _DAMAGED
            if storage.exists(aside):
                storage.remove_file(aside)
            storage.rename(self.path, aside)
            logging.warning(
                "%s: this checkpoint is damaged (%s) and was put aside as %s. Training begins anew.", self.path, error, aside
            )
            return None

    def write(self, checkpoint: Checkpoint) -> None:
        """Replaces what was there.

        Raises:
            OSError: it can't be written; what was there before is still there.
        """
        state = {name: getattr(checkpoint, name) for name in _SCALARS}
        state["counts"] = len(checkpoint.variables), len(checkpoint.best_weights)
        arrays = {_STATE: np.frombuffer(json.dumps(state).encode(), np.uint8)}
        arrays |= {f"variable_{number}": array for number, array in enumerate(checkpoint.variables)}
        arrays |= {f"best_{number}": array for number, array in enumerate(checkpoint.best_weights)}
        storage.make_directory(self._directory)
        with storage.replacing(self.path) as file:
            np.savez(file, **arrays)

    def remove(self) -> None:
        """Removes the checkpoint of a training that has ended, and those that trainings which were given up left long ago."""
        if storage.exists(self.path):
            storage.remove_file(self.path)
        paths = [storage.join(self._directory, name) for name in storage.list_directory(self._directory)]
        kept = sorted((path for path in paths if path.endswith((_SUFFIX, _DAMAGED))), key=_modified, reverse=True)
        for path in [*kept[_KEPT:], *(path for path in paths if path.endswith(_UNFINISHED))]:
            logging.info("Removing %s, which a training that was given up left.", path)
            storage.remove_file(path)

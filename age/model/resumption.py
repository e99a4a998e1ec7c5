"""Lets a training go on where an interrupted one ended, with the same result as if nothing had happened."""

import time
from collections.abc import Mapping
from typing import Any

import keras
from absl import logging

from age import progress
from age.model.checkpoint_file import Checkpoint, CheckpointFile

_LARGEST_SHARE = 1 / 50
"""Of the time of a training that checkpoints may take."""

_Logs = Mapping[str, float] | None


class Resumption(keras.callbacks.Callback):
    """Restore what an interrupted training left, and leave a checkpoint between epochs for the next one.

    It stands behind the callbacks whose state it keeps. When an epoch begins, averaged weights have been swapped back,
    so that nothing but variables and the early stopping's counters is to be kept.

    A checkpoint is left out when less than fifty times as long as writing the last one took has passed since then: what is lost with
    it is as soon done again, and checkpoints never take more than 2 % of the time.

    Args:
        file: where checkpoints are kept; None for nowhere.
        early_stopping: that of the same training.
        started: when this training began, as `time.monotonic` says it.

    Attributes:
        resumed: what this training goes on from; None where it begins anew.
        epoch: the epoch that is going on, counted from 0.
        seconds: what writing checkpoints has taken.
    """

    def __init__(self, file: CheckpointFile | None, early_stopping: keras.callbacks.EarlyStopping, started: float):
        super().__init__()
        self._file = file
        self._early_stopping = early_stopping
        self.resumed: Checkpoint | None = file.read() if file else None
        self.epoch = self.first_epoch
        self.seconds = 0.0
        self._history = {name: [*values] for name, values in self.resumed.history.items()} if self.resumed else {}
        self._started = started - (self.resumed.seconds if self.resumed else 0.0)
        self._written_at, self._last_took = time.monotonic(), 0.0
        if self.resumed:
            progress.report(f"Going on after epoch {self.first_epoch}, where a training was interrupted")
            logging.info("Going on from the checkpoint of epoch %d in %s.", self.first_epoch, file.path if file else "")

    @property
    def first_epoch(self) -> int:
        """The first epoch that is left to do, counted from 0."""
        return self.resumed.epochs if self.resumed else 0

    @property
    def history(self) -> dict[str, list[float]]:
        """What was measured after each epoch, those before the interruption among them."""
        return self._history

    def elapsed(self) -> float:
        """Returns how long the training has taken, seconds, before the interruption and since."""
        return time.monotonic() - self._started

    def _variables(self) -> list[Any]:
        optimizer = self.model.optimizer
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        return [*self.model.variables, *optimizer.variables]

    def on_train_begin(self, logs: _Logs = None) -> None:
        if self.resumed is None:
            return
        for variable, value in zip(self._variables(), self.resumed.variables, strict=True):
            variable.assign(value)
        self._early_stopping.best = self.resumed.best
        self._early_stopping.best_epoch = self.resumed.best_epoch
        self._early_stopping.best_weights = self.resumed.best_weights
        self._early_stopping.wait = self.resumed.wait

    def on_epoch_begin(self, epoch: int, logs: _Logs = None) -> None:
        self.epoch = epoch
        soon = time.monotonic() - self._written_at < self._last_took / _LARGEST_SHARE
        if self._file is None or epoch == self.first_epoch or soon:
            return
        began = time.monotonic()
        try:
            self._file.write(self._checkpoint(epoch))
        except OSError as error:
            logging.warning("%s: no checkpoint can be written (%s). Training goes on without.", self._file.path, error)
            self._file = None
        self._written_at = time.monotonic()
        self._last_took = self._written_at - began
        self.seconds += self._last_took

    def _checkpoint(self, epoch: int) -> Checkpoint:
        return Checkpoint(
            epochs=epoch,
            seconds=self.elapsed(),
            history=self._history,
            best=float(self._early_stopping.best),
            best_epoch=self._early_stopping.best_epoch,
            wait=self._early_stopping.wait,
            variables=[variable.numpy() for variable in self._variables()],
            best_weights=self._early_stopping.best_weights,
        )

    def on_epoch_end(self, epoch: int, logs: _Logs = None) -> None:
        for name, value in (logs or {}).items():
            self._history.setdefault(name, []).append(float(value))


class TimeLimit(keras.callbacks.Callback):
    """End training after the epoch in which its time is up.

    Args:
        minutes: that it may take, features of frozen layers and what was done before an interruption among them; 0 for no limit.
        resumption: that of the same training, which knows how long it has taken.

    Attributes:
        is_up: whether it ended training.
    """

    def __init__(self, minutes: float, resumption: Resumption):
        super().__init__()
        self._minutes = minutes
        self._resumption = resumption
        self.is_up = False

    def on_epoch_end(self, epoch: int, logs: _Logs = None) -> None:
        if self._minutes and self._resumption.elapsed() >= 60 * self._minutes and epoch + 1 < self.params["epochs"]:
            self.is_up = self.model.stop_training = True

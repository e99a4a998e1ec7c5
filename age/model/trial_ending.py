"""Ends trials before their last epoch: those that others have left behind, and the one in which the time is up."""

import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import keras

_Logs = Mapping[str, float] | None

LEAST_TRIALS = 3
"""Trials that a median is taken of at least."""


def is_behind(errors: Sequence[float], others: Sequence[Sequence[float]], epochs: int) -> bool:
    """Returns whether a trial is given up: the median rule (Golovin et al., 2017, Google Vizier, 3.2.2).

    The least error so far is compared with the median of what the others had reached in as many epochs. In the first third of the
    epochs nothing is given up: a learning rate that falls along a cosine shows what it is worth late.

    Args:
        errors: of the trial, after each of its epochs.
        others: of other trials.
        epochs: of a whole trial.
    """
    done = len(errors)
    reached = [min(other[:done]) for other in others if len(other) >= done]
    return done > epochs / 3 and len(reached) >= LEAST_TRIALS and min(errors) > statistics.median(reached)


class TrialEnding(keras.callbacks.Callback):
    """End a trial that is behind or whose time is up, and tell after each epoch what it has reached.

    Args:
        seconds: that are left for the search; infinite for no limit.
        others: validation MAE of the earlier trials after each of their epochs, years; None where nothing is pruned.
        before: the same of this one before an interruption.
        tell: is given the validation MAE after each epoch so far.

    Attributes:
        errors: validation MAE after each epoch, years.
        pruned: whether others had left it behind.
        out_of_time: whether the search's time was up.
    """

    def __init__(
        self,
        seconds: float,
        others: Sequence[Sequence[float]] | None,
        before: Sequence[float],
        tell: Callable[[list[float]], None],
    ):
        super().__init__()
        self._ends_at = time.monotonic() + seconds
        self._others = others
        self._tell = tell
        self.errors = [*before]
        self.pruned = self.out_of_time = False

    def on_train_batch_end(self, batch: int, logs: _Logs = None) -> None:
        if time.monotonic() >= self._ends_at:
            self.out_of_time = self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: _Logs = None) -> None:
        if self.out_of_time:
            return
        self.errors = [*self.errors[:epoch], float((logs or {}).get("val_mae", math.nan))]
        self._tell(self.errors)
        epochs = self.params["epochs"]
        if self._others is not None and epoch + 1 < epochs and is_behind(self.errors, self._others, epochs):
            self.pruned = self.model.stop_training = True

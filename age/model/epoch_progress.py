"""Reports how training goes, epoch by epoch."""

import math
import time
from collections.abc import Mapping, Sequence

import keras

from age import progress

_SECONDS_BETWEEN_REPORTS = 0.2


_Logs = Mapping[str, float] | None


class EpochProgress(keras.callbacks.Callback):
    """Reports epochs and steps, and the errors of the last finished epoch, to `age.progress`.

    Args:
        earlier: validation MAE, years, of the epochs before an interruption.
        doing: what is going on, said before the number of the epoch.
    """

    def __init__(self, earlier: Sequence[float] = (), doing: str = "Training"):
        super().__init__()
        self._named = doing
        self._best = min(earlier, default=math.inf)
        self._best_epoch = earlier.index(self._best) + 1 if earlier else None
        self._detail: str | None = None
        self._reported = 0.0

    def on_epoch_begin(self, epoch: int, logs: _Logs = None) -> None:
        self._doing = f"{self._named}, epoch {epoch + 1} of {self.params['epochs']}"
        self._report(0)

    def on_train_batch_end(self, batch: int, logs: _Logs = None) -> None:
        # The last step is left to the epoch's end, which comes with its errors.
        if time.monotonic() - self._reported > _SECONDS_BETWEEN_REPORTS and batch + 1 != self.params["steps"]:
            self._report(batch + 1)

    def on_epoch_end(self, epoch: int, logs: _Logs = None) -> None:
        logs = logs or {}
        validation = logs.get("val_mae", math.nan)
        errors = f"MAE {logs.get('mae', math.nan):.2f} years, validation MAE {validation:.2f}"
        self._detail = errors
        self._report(self.params["steps"])
        if validation < self._best:
            self._best, self._best_epoch = validation, epoch + 1
        best = f", best {self._best:.2f} in epoch {self._best_epoch}" if self._best_epoch else ""
        self._detail = f"epoch {epoch + 1}: {errors}{best}"

    def on_train_end(self, logs: _Logs = None) -> None:
        if self._best_epoch:
            progress.conclude(f"best validation MAE {self._best:.2f} years, in epoch {self._best_epoch}")

    def _report(self, steps: int) -> None:
        self._reported = time.monotonic()
        progress.report(self._doing, done=steps, total=self.params["steps"], unit="steps", detail=self._detail)

"""The test error of a network while it is trained, by the minutes that the training alone has taken."""

import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np


class Point(NamedTuple):
    """A measurement: minutes of training before it, and the mean absolute error, years."""

    minutes: float
    mae: float


class ErrorOverTime(keras.callbacks.Callback):
    """Measure after each epoch, and within long ones, and end the training when its time is up.

    The clock stands while it is measured.

    Args:
        measure: returns the MAE, years.
        minutes: of training.
        points: how many measurements within an epoch that takes all the time.

    Attributes:
        points: what was measured.
    """

    def __init__(self, measure: Callable[[], float], minutes: float, points: int = 8):
        super().__init__()
        self._measure = measure
        self._seconds = 60 * minutes
        self._between = self._seconds / points
        self._began = time.monotonic()
        self._paused = self._measured_at = 0.0
        self.points: list[Point] = []

    def _elapsed(self) -> float:
        return time.monotonic() - self._began - self._paused

    def _look(self) -> None:
        self._measured_at, began = self._elapsed(), time.monotonic()
        self.points.append(Point(self._measured_at / 60, self._measure()))
        self._paused += time.monotonic() - began

    def on_train_batch_end(self, batch, logs=None):
        is_up = self._elapsed() >= self._seconds
        if is_up:
            self.model.stop_training = True
        elif self._elapsed() - self._measured_at >= self._between:
            self._look()

    def on_epoch_end(self, epoch, logs=None):
        self._look()


def minutes_to(points: list[Point], mae: float) -> float | None:
    """Returns after how many minutes an error was first measured that is not above `mae`; None where it never was."""
    return next((point.minutes for point in points if point.mae <= mae), None)


def mean_absolute_error(answer: Callable, split, image_size: int) -> float:
    """Returns the error on a split, years.

    Args:
        answer: images `[n, s, s, 3]`, 0 to 255, to ages `[n, 1]`.
        split: the photographs (`age.model.example_reading.Split`).
        image_size: side of the images, pixels.
    """
    errors = [
        np.abs(np.asarray(answer(images))[:, 0] - ages.numpy()) for images, ages in split.streamed_batches(image_size, 64)
    ]
    return float(np.concatenate(errors).mean())

"""Reads `predictions.csv`: all ages as numbers, and the few rows that are shown with their photograph."""

import array
import csv
import dataclasses
import io
import random
from typing import Iterator, List, NamedTuple

import numpy as np

from components import storage

WORST = 24
SAMPLE = 24
_SEED = 0


class Prediction(NamedTuple):
    """What the model answered for one photograph; ages in years."""

    file_name: str
    sha256: str
    real_age: float
    predicted_age: float

    @property
    def error(self) -> float:
        return self.predicted_age - self.real_age


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What the model answered for the test split.

    Attributes:
        real_age: float64[n], years, of the photographs that were answered.
        predicted_age: float64[n], years.
        unanswered: number of photographs to which the answer was not a number.
        worst: up to `WORST` rows with the largest absolute error, that one first.
        sample: up to `SAMPLE` rows drawn at random with a fixed seed.
    """

    real_age: np.ndarray
    predicted_age: np.ndarray
    unanswered: int
    worst: List[Prediction]
    sample: List[Prediction]

    @property
    def errors(self) -> np.ndarray:
        """Predicted minus real age, float64[n], years."""
        return self.predicted_age - self.real_age


def _rows(path: str) -> Iterator[Prediction]:
    with storage.open_binary(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows, None)
        for row in rows:
            yield Prediction(row[0], row[1], float(row[2]), float(row[3]))


def read(path: str) -> Predictions:
    """Reads a predictions file in one pass; memory grows by 16 bytes a row.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it can't be read.
    """
    real, predicted = array.array("d"), array.array("d")
    unanswered = 0
    worst: List[Prediction] = []
    sample: List[Prediction] = []
    draw = random.Random(_SEED)
    for row in _rows(path):
        if not np.isfinite(row.predicted_age):
            unanswered += 1
            continue
        real.append(row.real_age)
        predicted.append(row.predicted_age)
        if len(worst) < WORST or abs(row.error) > abs(worst[-1].error):
            worst.append(row)
            worst.sort(key=lambda one: -abs(one.error))
            del worst[WORST:]
        # Algorithm R (Vitter, 1985): every row is in the sample with the same probability.
        place = len(sample) if len(sample) < SAMPLE else draw.randrange(len(real))
        if place < SAMPLE:
            sample[place : place + 1] = [row]
    return Predictions(
        real_age=np.array(real), predicted_age=np.array(predicted), unanswered=unanswered, worst=worst, sample=sample
    )

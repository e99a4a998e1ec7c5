"""Reads `predictions.csv`: all ages as numbers, and the few rows that are shown with their photograph."""

import array
import dataclasses
import random

import numpy as np
import numpy.typing as npt

from age.evaluation import predictions_file

WORST = 24
SAMPLE = 24
_SEED = 0


@dataclasses.dataclass(frozen=True)
class ShownPredictions:
    """What the model answered for the test split.

    Attributes:
        real_age: float64[n], years, of the photographs that were answered.
        predicted_age: float64[n], years.
        unanswered: number of photographs to which the answer was not a number.
        worst: up to `WORST` rows with the largest absolute error, that one first.
        sample: up to `SAMPLE` rows drawn at random with a fixed seed.
    """

    real_age: npt.NDArray[np.float64]
    predicted_age: npt.NDArray[np.float64]
    unanswered: int
    worst: list[predictions_file.Row]
    sample: list[predictions_file.Row]

    @property
    def errors(self) -> npt.NDArray[np.float64]:
        """Predicted minus real age, float64[n], years."""
        return self.predicted_age - self.real_age


def read(path: str) -> ShownPredictions:
    """Reads a predictions file in one pass; memory grows by 16 bytes a row.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it can't be read.
    """
    real, predicted = array.array("d"), array.array("d")
    unanswered = 0
    worst: list[predictions_file.Row] = []
    sample: list[predictions_file.Row] = []
    draw = random.Random(_SEED)
    for row in predictions_file.rows(path):
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
    return ShownPredictions(
        real_age=np.array(real), predicted_age=np.array(predicted), unanswered=unanswered, worst=worst, sample=sample
    )

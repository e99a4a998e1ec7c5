"""Intervals around predicted ages that hold the real age as often as they promise, at whatever age.

An interval holds every age that would not be surprising: age `a` is in it when the prediction is among the usual ones for people
of age `a`. What is usual was seen on the validation split. This is label-conditional conformal prediction (Vovk, Gammerman and
Shafer, 2005, Algorithmic Learning in a Random World, section 4.5): bands of the real age, which the promise is about. With bands of
the predicted age instead, as in conformalised quantile regression (Romano, Patterson and Candès, 2019), the promise is
kept on average alone: too often at the ages that are many, too seldom at those that are few.

How far a prediction is off is counted in standard deviations of the predicted distribution, so that a photograph about which the
model is unsure gets a wider interval.
"""

import dataclasses
import math
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from age.model import age_distribution

_FEWEST = 100
"""Photographs that what is usual at an age is told by."""


@dataclasses.dataclass(frozen=True)
class Intervals:
    """What turns a distribution over years into an interval.

    Attributes:
        lower: float32 `[121]`, for each age the least (real minus predicted age) / (standard deviation of the distribution) that is
            not surprising.
        upper: float32 `[121]`, the greatest.
    """

    lower: npt.NDArray[np.float32]
    upper: npt.NDArray[np.float32]

    def ends(self, probabilities: Any) -> tuple[Any, Any]:
        """Returns the lower and upper ends, each `[n]`, whole years but where the predicted age itself is an end.

        Args:
            probabilities: `[n, 121]`, of each year.
        """
        years = age_distribution.years()
        mean, spread = _moments(probabilities)
        off = (years - mean[:, None]) / spread[:, None]
        usual = keras.ops.logical_and(off >= self.lower, off <= self.upper)
        low = keras.ops.min(keras.ops.where(usual, years, float(age_distribution.OLDEST)), axis=-1)
        high = keras.ops.max(keras.ops.where(usual, years, 0.0), axis=-1)
        # A prediction that would be surprising at every age is all that there is to say.
        return keras.ops.minimum(low, mean), keras.ops.maximum(high, mean)


def _moments(probabilities: Any) -> tuple[Any, Any]:
    """Returns mean and standard deviation of distributions, each `[n]`, years."""
    years = age_distribution.years()
    mean = keras.ops.sum(probabilities * years, axis=-1)
    variance = keras.ops.sum(probabilities * keras.ops.square(years - mean[:, None]), axis=-1)
    # Whole years are all that the distribution knows: what is between two of them is uncertain by as much.
    return mean, keras.ops.sqrt(variance + 1 / 12)


def _usual(ages: npt.NDArray[np.float64], off: npt.NDArray[np.float64], age: float, coverage: float) -> tuple[float, float]:
    """Returns between which two values predictions are off at an age, with the correction for the finite sample.

    The people of that age, and those of the nearest ages where they are few.
    """
    distance = np.abs(ages - age)
    nearest = np.partition(distance, min(_FEWEST, len(distance)) - 1)[: min(_FEWEST, len(distance))].max()
    seen = np.sort(off[distance <= nearest])
    beyond = math.floor((len(seen) + 1) * (1 - coverage) / 2 + 1e-9)
    return (float(seen[beyond - 1]), float(seen[-beyond])) if beyond else (-math.inf, math.inf)


def calibrated(
    probabilities: npt.NDArray[np.floating[Any]], ages: npt.NDArray[np.floating[Any]], coverage: float
) -> Intervals:
    """Returns intervals that hold the real age of as many photographs as they shall, judged by photographs with known ages.

    Each age has its own quantiles of what the model was off by there, on either side.

    Args:
        probabilities: `[n, 121]`, what the model answers for photographs that it did not learn from.
        ages: `[n]`, their real ages, years.
        coverage: share of real ages that intervals shall hold, 0 to 1.
    """
    mean, spread = (np.asarray(moment, np.float64) for moment in _moments(np.asarray(probabilities, np.float32)))
    real = np.asarray(ages, np.float64)
    off = (real - mean) / spread
    years = age_distribution.years().astype(np.float64)
    lower, upper = np.array([_usual(real, off, year, coverage) for year in years], np.float32).T
    return Intervals(lower=lower, upper=upper)

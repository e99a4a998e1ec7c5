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

_BANDWIDTH = 8.0
_FEWEST = 100
_WIDEST = 60.0


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


def _neighbours(ages: npt.NDArray[np.float64], age: float) -> npt.NDArray[np.float64]:
    """Returns the weight of each photograph for what is usual at an age: a Gaussian, wider where photographs are few."""
    bandwidth = _BANDWIDTH
    while True:
        weights = np.exp(-0.5 * ((ages - age) / bandwidth) ** 2)
        # Kish's effective sample size.
        if bandwidth >= _WIDEST or weights.sum() ** 2 >= _FEWEST * (weights**2).sum():
            return np.asarray(weights / weights.sum())
        bandwidth *= 1.2


def _usual(ages: npt.NDArray[np.float64], off: npt.NDArray[np.float64], age: float) -> tuple[float, float]:
    """Returns mean and standard deviation of how far predictions are off at an age, by local linear regression.

    A line through the neighbours rather than their mean: at the oldest ages all neighbours are younger.
    """
    weights = _neighbours(ages, age)
    from_centre = ages - weights @ ages
    mean = weights @ off
    spread = weights @ from_centre**2
    slope = weights @ (from_centre * (off - mean)) / spread if spread > 0 else 0.0
    left = off - mean - slope * from_centre
    return float(mean + slope * (age - weights @ ages)), math.sqrt(max(float(weights @ left**2), 1e-6))


def calibrated(
    probabilities: npt.NDArray[np.floating[Any]], ages: npt.NDArray[np.floating[Any]], coverage: float
) -> Intervals:
    """Returns intervals that hold the real age of as many photographs as they shall, judged by photographs with known ages.

    Mean and spread of what a model is off by are smoothed over the ages; what is left is alike at all of them, and its quantile,
    with the correction for the finite sample, is the same for all.

    Args:
        probabilities: `[n, 121]`, what the model answers for photographs that it did not learn from.
        ages: `[n]`, their real ages, years.
        coverage: share of real ages that intervals shall hold, 0 to 1.
    """
    mean, spread = (np.asarray(moment, np.float64) for moment in _moments(np.asarray(probabilities, np.float32)))
    real = np.asarray(ages, np.float64)
    off = (real - mean) / spread
    years = age_distribution.years().astype(np.float64)
    centre, scale = np.array([_usual(real, off, year) for year in years]).T
    scores = np.sort(np.abs(off - np.interp(real, years, centre)) / np.interp(real, years, scale))
    rank = math.ceil((len(scores) + 1) * coverage)
    threshold = scores[rank - 1] if rank <= len(scores) else np.inf
    return Intervals(
        lower=(centre - threshold * scale).astype(np.float32), upper=(centre + threshold * scale).astype(np.float32)
    )

"""How the errors of a model are distributed: the numbers that are drawn and shown as tables."""

import dataclasses
import math

import numpy as np
import numpy.typing as npt

_NARROWEST_BIN = 2
_MOST_BINS = 60
_LARGEST_TOLERANCE = 20


@dataclasses.dataclass(frozen=True)
class Histogram:
    """Numbers of values between edges.

    Attributes:
        edges: float64[n + 1], ascending; a value on an edge counts above it, on the last edge below it.
        counts: int[n].
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]


def error_histogram(errors: npt.NDArray[np.float64]) -> Histogram:
    """Counts errors (predicted minus real age, years) in bins of whole years, one edge at zero, at most 60 bins."""
    low, high = min(errors.min(), 0), max(errors.max(), 0)
    width = max(_NARROWEST_BIN, math.ceil((high - low) / (_MOST_BINS - 2)))
    edges = np.arange(math.floor(low / width), math.ceil(high / width) + 1) * float(width)
    if len(edges) < 2:
        edges = np.array([0.0, width])
    return Histogram(edges=edges, counts=np.histogram(errors, edges)[0])


@dataclasses.dataclass(frozen=True)
class CumulativeScore:
    """The cumulative score (Geng, Zhou and Smith-Miles, 2007): which share of the errors is at most so many years.

    Attributes:
        years: int[n], 0, 1, 2 ...
        shares: float64[n], 0 to 1.
    """

    years: list[int]
    shares: list[float]


def cumulative_score(errors: npt.NDArray[np.float64]) -> CumulativeScore:
    """Returns the cumulative score of errors in years, for tolerances of 0 to 20 years."""
    absolute = np.sort(np.abs(errors))
    years = list(range(_LARGEST_TOLERANCE + 1))
    within = np.searchsorted(absolute, years, side="right")
    return CumulativeScore(years=years, shares=[float(count) / len(absolute) for count in within])

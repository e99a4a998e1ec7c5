"""Describes ages from how often each occurs: mean, spread, quartiles, histogram."""

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from schemas.verdict import AgeStatistics, Histogram

BIN_WIDTH = 5.0
"""Years in a bar of a histogram."""


@dataclasses.dataclass(frozen=True)
class AgeCounts:
    """How often each age occurs.

    Attributes:
        ages: float64[k], years, ascending.
        counts: int64[k], how many rows have that age.
    """

    ages: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def from_mapping(cls, counts: Mapping[str, int]) -> "AgeCounts":
        """Reads `{"31.5": 4, …}`."""
        pairs: list[tuple[float, int]] = sorted((float(age), number) for age, number in counts.items())
        return cls(
            ages=np.array([age for age, _ in pairs], dtype=np.float64),
            counts=np.array([number for _, number in pairs], dtype=np.int64),
        )

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """Years; there must be a row."""
        return float(self.ages @ self.counts) / self.total


def bin_edges(several: Iterable[AgeCounts]) -> npt.NDArray[np.float64]:
    """Returns the edges of bins that hold all ages of several sets, so that their histograms can be compared."""
    ages = np.concatenate([np.zeros(1), *(one.ages for one in several)])
    first, last = (int(bound // BIN_WIDTH) for bound in (ages.min(), ages.max()))
    edges: npt.NDArray[np.float64] = BIN_WIDTH * np.arange(first, last + 2, dtype=np.float64)
    return edges


def _quantile(counted: AgeCounts, share: float) -> float:
    """Returns what `numpy.percentile` says of the rows: linear between the two nearest."""
    place = share * (counted.total - 1)
    below = int(np.floor(place))
    up_to = np.cumsum(counted.counts)
    low, high = counted.ages[np.searchsorted(up_to, [below, min(below + 1, counted.total - 1)], side="right")]
    return float(low + (high - low) * (place - below))


def describe(counted: AgeCounts, edges: npt.NDArray[np.float64]) -> AgeStatistics:
    """Returns the statistics of one set of ages; what so few rows can't tell is None.

    Args:
        counted: the ages.
        edges: edges of the histogram's bins, from `bin_edges`.
    """
    counts = np.histogram(counted.ages, bins=edges, weights=counted.counts)[0]
    empty = not counted.total
    std = None
    if counted.total > 1:
        deviations = counted.ages - counted.mean
        std = float(np.sqrt((deviations**2 @ counted.counts) / (counted.total - 1)))
    return AgeStatistics(
        count=counted.total,
        mean=None if empty else counted.mean,
        std=std,
        min=None if empty else float(counted.ages[0]),
        q25=None if empty else _quantile(counted, 0.25),
        median=None if empty else _quantile(counted, 0.5),
        q75=None if empty else _quantile(counted, 0.75),
        max=None if empty else float(counted.ages[-1]),
        histogram=Histogram(edges=edges.tolist(), counts=counts.astype(int).tolist()),
    )

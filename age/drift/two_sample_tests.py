"""Whether two samples come from one distribution: tests that hold at any sample size, because they count permutations.

The p-value of each is (1 + permutations at least as extreme) / (1 + permutations), which is valid, not approximate (Phipson and Smyth,
2010). Whatever is made of the data before, such as a scale or a bandwidth, depends on both samples together and not on which is which.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]

_AT_ONCE = 1 << 24
"""Numbers that are held at once while permutations are counted."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a test found.

    Attributes:
        statistic: how far the samples are apart; the larger, the farther.
        by_chance: what it stays below in 95 of 100 permutations.
        p_value: how often permuted samples are as far apart.
    """

    statistic: float
    by_chance: float
    p_value: float


def maximum_mean_discrepancy(one: Numbers, other: Numbers, permutations: int, seed: int = 0) -> Outcome:
    """Compares samples of vectors by the maximum mean discrepancy (Gretton et al., 2012, A Kernel Two-Sample Test).

    Each dimension is scaled to a variance of one; the kernel is Gaussian, with the median of the distances as its bandwidth.

    Args:
        one: `[m, d]`.
        other: `[n, d]`.
        permutations: how many are counted.
        seed: of the permutations.

    Returns:
        The statistic is the root of the unbiased estimate of the squared discrepancy, 0 where that is negative.
    """
    pooled = np.concatenate([one, other]).astype(np.float64)
    spread = pooled.std(axis=0)
    pooled = ((pooled - pooled.mean(axis=0)) / np.where(spread > 0, spread, 1)).astype(np.float32)
    count, first = len(pooled), len(one)
    norms = (pooled**2).sum(axis=1)
    squared = np.maximum(norms[:, None] + norms[None, :] - 2 * pooled @ pooled.T, 0)
    median = float(np.median(squared[np.triu_indices(count, 1)]))
    kernel = np.exp(-squared / (2 * median)) if median > 0 else (squared == 0).astype(np.float32)
    np.fill_diagonal(kernel, 0)
    random = np.random.default_rng(seed)
    found = []
    for start in range(0, permutations + 1, step := max(1, _AT_ONCE // count)):
        orders = random.permuted(np.tile(np.arange(count), (min(step, permutations + 1 - start), 1)), axis=1)
        if start == 0:
            orders[0] = np.arange(count)
        in_first = np.zeros((count, len(orders)), np.float32)
        np.put_along_axis(in_first, orders[:, :first].T, 1, axis=0)
        with_first = kernel @ in_first
        within_first = (in_first * with_first).sum(axis=0, dtype=np.float64)
        across = with_first.sum(axis=0, dtype=np.float64) - within_first
        within_other = kernel.sum(dtype=np.float64) - within_first - 2 * across
        rest = count - first
        found.append(within_first / (first * (first - 1)) + within_other / (rest * (rest - 1)) - 2 * across / (first * rest))
    squared_discrepancies = np.concatenate(found)
    return _outcome(np.sqrt(np.maximum(squared_discrepancies, 0)), squared_discrepancies)


def kolmogorov_smirnov(one: Numbers, other: Numbers, permutations: int, seed: int = 0) -> Outcome:
    """Compares samples of numbers by the largest difference of their cumulative shares; equal numbers do no harm.

    Args:
        one: `[m]`.
        other: `[n]`.
        permutations: how many are counted.
        seed: of the permutations.
    """
    values, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    counts = [np.bincount(part, minlength=len(values)) for part in (places[: len(one)], places[len(one) :])]
    return kolmogorov_smirnov_of_counts(counts[0], counts[1], permutations, seed)


def kolmogorov_smirnov_of_counts(
    one: npt.NDArray[np.int64], other: npt.NDArray[np.int64], permutations: int, seed: int = 0
) -> Outcome:
    """Compares two histograms in the same way.

    Args:
        one: int `[bins]`, how many of the first sample fall into each bin, in the order of what is counted.
        other: of the second sample.
        permutations: how many are counted.
        seed: of the permutations.
    """
    both, first, rest = one + other, int(one.sum()), int(other.sum())
    random = np.random.default_rng(seed)
    drawn = [one[None, :]]
    step = max(1, _AT_ONCE // len(both))
    largest = []
    left = permutations
    while True:
        for part in drawn:
            cumulative = np.cumsum(part / first - (both - part) / rest, axis=1)
            largest.append(np.abs(cumulative).max(axis=1))
        if not left:
            break
        size = min(step, left)
        drawn = [random.multivariate_hypergeometric(both, first, size=size, method="marginals")]
        left -= size
    differences = np.concatenate(largest)
    return _outcome(differences, differences)


def _outcome(shown: npt.NDArray[np.float64], compared: npt.NDArray[np.float64]) -> Outcome:
    """Returns the outcome of a test from what was found first as the samples are and then for every permutation."""
    # Sums in another order differ in their last digits.
    extreme = compared[1:] >= compared[0] - 1e-9
    return Outcome(
        statistic=float(shown[0]),
        by_chance=float(np.quantile(shown[1:], 0.95)),
        p_value=float((1 + extreme.sum()) / len(compared)),
    )


def holm(p_values: list[float]) -> list[float]:
    """Adjusts p-values for the number of tests (Holm, 1979, A Simple Sequentially Rejective Multiple Test Procedure).

    Args:
        p_values: of several tests.

    Returns:
        Adjusted ones, in the same order. Where those at most 0.05 are taken for differences, any of them is wrong in at most 5 cases
        of 100.
    """
    adjusted, least = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = least
    return adjusted

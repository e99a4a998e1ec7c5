"""Statistics of ages from counts, against numpy and pandas on the rows themselves."""

import collections

import numpy as np
import pandas as pd
import pytest

from age.dataset import age_statistics
from schemas.verdict import Histogram


def counted(ages) -> age_statistics.AgeCounts:
    return age_statistics.AgeCounts.from_mapping({f"{age:g}": n for age, n in collections.Counter(ages).items()})


def described(ages):
    one = counted(ages)
    return age_statistics.describe(one, age_statistics.bin_edges([one]))


@pytest.mark.parametrize("count", [2, 3, 4, 7, 100, 1001])
def test_statistics_equal_those_of_the_rows(count):
    ages = np.round(np.random.default_rng(count).uniform(0, 116, count), 1)

    found = described(ages)

    assert found.count == count
    assert found.mean == pytest.approx(ages.mean())
    assert found.std == pytest.approx(ages.std(ddof=1))
    assert (found.min, found.max) == (ages.min(), ages.max())
    quartiles = [found.q25, found.median, found.q75]
    assert quartiles == pytest.approx(list(np.percentile(ages, [25, 50, 75])))
    edges = found.histogram.edges
    assert found.histogram.counts == list(np.histogram(ages, bins=edges)[0])
    assert sum(found.histogram.counts) == count and set(np.diff(edges)) == {5.0}


def test_no_rows_and_one_row_say_what_they_can():
    nothing, one = described([]), described([30])

    assert nothing.count == 0 and nothing.mean is nothing.std is nothing.median is None
    assert sum(nothing.histogram.counts) == 0
    assert (one.mean, one.q25, one.median, one.std) == (30, 30, 30, None)


def test_histograms_of_several_sets_have_the_same_edges():
    young, old = counted([1, 4.9]), counted([5, 115])
    edges = age_statistics.bin_edges([young, old])

    assert list(edges) == list(range(0, 121, 5))
    assert age_statistics.describe(young, edges).histogram.counts[:2] == [2, 0]
    assert age_statistics.describe(old, edges).histogram.counts[1::22] == [1, 1]


def test_ages_below_zero_have_bins_too():
    assert described([-3, 2]).histogram == Histogram(edges=[-5, 0, 5], counts=[1, 1])


def test_appa_reals_labels_are_described_as_the_notebooks_describe_them(shared_data):
    labels = pd.read_csv(shared_data / "appa_real_labels.csv")

    found = described(labels["real_age"])

    assert (round(found.mean, 2), round(found.std, 2)) == (31.20, 17.15)
    assert (found.q25, found.median, found.q75) == (20, 29, 41)
    by_pandas = labels["real_age"].describe()
    assert [getattr(found, key) for key in ("count", "mean", "std", "min", "q25", "median", "q75", "max")] == pytest.approx(
        list(by_pandas)
    )

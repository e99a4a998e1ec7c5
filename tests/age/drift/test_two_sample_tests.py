"""Permutation tests hold their promise, and find what differs."""

import numpy as np
import pytest

from age.drift import two_sample_tests as tests

MMD, KS = tests.maximum_mean_discrepancy, tests.kolmogorov_smirnov


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


def test_the_discrepancy_is_that_of_its_definition():
    one, other = normal(0, 7, 3), normal(1, 5, 3) + 2
    both = np.concatenate([one, other])
    scaled = (both - both.mean(axis=0)) / both.std(axis=0)
    squared = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=-1)
    kernel = np.exp(-squared / (2 * np.median(squared[np.triu_indices(12, 1)])))
    within = [(part.sum() - np.trace(part)) / (len(part) * (len(part) - 1)) for part in (kernel[:7, :7], kernel[7:, 7:])]

    found = MMD(one, other, permutations=199)

    assert found.statistic == pytest.approx(np.sqrt(sum(within) - 2 * kernel[:7, 7:].mean()), rel=1e-5)


def test_the_difference_of_cumulative_shares_is_that_of_its_definition():
    one, other = normal(0, 40), normal(1, 30) + 0.5
    at = np.concatenate([one, other])
    differences = [(one <= value).mean() - (other <= value).mean() for value in at]

    assert KS(one, other, permutations=199).statistic == pytest.approx(np.abs(differences).max())


@pytest.mark.parametrize("test, width", [(MMD, (6,)), (KS, ())])
def test_samples_of_one_distribution_are_told_apart_as_seldom_as_promised(test, width):
    p_values = np.array([test(normal(seed, 40, *width), normal(1000 + seed, 30, *width), 199).p_value for seed in range(200)])

    # Five in a hundred are expected; twenty of 200 come about once in 900 times.
    assert (p_values <= 0.05).sum() < 20
    assert 0.4 < p_values.mean() < 0.6


@pytest.mark.parametrize("test, width", [(MMD, (6,)), (KS, ())])
def test_a_shift_is_found(test, width):
    found = test(normal(0, 100, *width), normal(1, 100, *width) + 0.8, 199)

    assert found.p_value == 1 / 200
    assert found.statistic > found.by_chance


def test_a_change_of_spread_alone_is_found_in_features():
    assert MMD(normal(0, 100, 6), 2 * normal(1, 100, 6), 199).p_value == 1 / 200


@pytest.mark.parametrize("test, width", [(MMD, (6,)), (KS, ())])
def test_what_is_always_the_same_is_no_difference(test, width):
    assert test(np.ones((30, *width)), np.ones((20, *width)), 199).p_value == 1


def test_more_permutations_than_are_held_at_once_are_counted_all(monkeypatch):
    monkeypatch.setattr(tests, "_AT_ONCE", 1)

    p_values = [test(normal(0, 20, *width), normal(1, 20, *width) + 5, 299).p_value for test, width in ((MMD, (2,)), (KS, ()))]

    assert p_values == [1 / 300, 1 / 300]


def test_a_histogram_is_compared_like_the_numbers_in_it():
    one, other = np.random.default_rng(0).integers(0, 8, 60), np.random.default_rng(1).integers(1, 9, 50)

    of_counts = tests.kolmogorov_smirnov_of_counts(np.bincount(one, minlength=9), np.bincount(other, minlength=9), 999)

    assert of_counts.statistic == pytest.approx(KS(one, other, 999).statistic)
    assert of_counts.p_value == pytest.approx(KS(one, other, 999).p_value, abs=0.05)


def test_p_values_are_adjusted_for_their_number():
    assert tests.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert tests.holm([0.9, 0.8]) == [1.0, 1.0]
    assert tests.holm([]) == []

"""Intervals hold the real age as often as they promise, at whatever age."""

import numpy as np
import pytest

from age.model import age_distribution, prediction_intervals

YEARS = age_distribution.years()


def photographs(count, seed):
    """Ages as photographs have them, mostly young, and a model that takes the old for younger and is sometimes unsure."""
    random = np.random.default_rng(seed)
    ages = np.clip(np.rint(random.gamma(2.2, 15, count)), 0, 100)
    spread = random.uniform(3, 9, count)
    mean = np.clip(30 + 0.8 * (ages - 30) + spread * random.standard_t(8, count), 0, 110)
    logits = -0.5 * ((YEARS - mean[:, None]) / (0.7 * spread[:, None])) ** 2
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (probabilities / probabilities.sum(axis=1, keepdims=True)).astype(np.float32), ages


def ends(intervals, probabilities):
    return tuple(np.asarray(end) for end in intervals.ends(probabilities))


@pytest.mark.parametrize("promised", [0.8, 0.9])
def test_the_promise_is_kept_in_the_whole_and_in_every_decade_of_which_enough_was_seen(promised):
    seen, real = photographs(3000, seed=0)
    intervals = prediction_intervals.calibrated(seen, real, promised)
    probabilities, ages = photographs(20_000, seed=1)

    low, high = ends(intervals, probabilities)

    held = (low <= ages) & (ages <= high)
    assert held.mean() == pytest.approx(promised, abs=0.03)
    judged = [decade for decade in range(10) if (real // 10 == decade).sum() >= 100]
    by_decade = {decade: held[ages // 10 == decade].mean() for decade in judged}
    assert judged == [0, 1, 2, 3, 4, 5, 6]
    assert all(abs(share - promised) < 0.06 for share in by_decade.values()), by_decade


def test_an_interval_holds_the_predicted_age_and_lies_within_the_years():
    intervals = prediction_intervals.calibrated(*photographs(300, seed=0), 0.5)
    probabilities, _ = photographs(2000, seed=2)

    low, high = ends(intervals, probabilities)

    predicted = probabilities @ YEARS
    assert (low <= predicted + 1e-3).all() and (predicted - 1e-3 <= high).all()
    assert low.min() >= 0 and high.max() <= age_distribution.OLDEST


def test_an_unsure_answer_has_a_wider_interval():
    intervals = prediction_intervals.calibrated(*photographs(1500, seed=0), 0.9)
    logits = [-0.5 * ((YEARS - 30) / spread) ** 2 for spread in (2, 6)]
    probabilities = np.stack([np.exp(one) / np.exp(one).sum() for one in logits]).astype(np.float32)

    low, high = ends(intervals, probabilities)

    assert high[1] - low[1] > 2 * (high[0] - low[0])


def test_too_few_photographs_promise_nothing_that_was_not_seen():
    intervals = prediction_intervals.calibrated(*photographs(8, seed=0), 0.9)

    low, high = ends(intervals, photographs(10, seed=1)[0])

    assert (low == 0).all() and (high == age_distribution.OLDEST).all()

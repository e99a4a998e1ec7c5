"""Age as a distribution over years: its expectation, its losses, and where an untrained network begins."""

import keras
import numpy as np
import pytest
from scipy import stats

from age.model import age_distribution


def logits_of(probabilities) -> np.ndarray:
    return np.log(np.maximum(probabilities, 1e-30)).astype("float32")


def gaussian(mean: float, sigma: float) -> np.ndarray:
    density = stats.norm.pdf(age_distribution.years(), mean, sigma)
    return density / density.sum()


def test_expectation_is_the_mean_of_the_years():
    certain = np.eye(len(age_distribution.years()))[30]
    between = 0.25 * np.eye(len(age_distribution.years()))[20] + 0.75 * np.eye(len(age_distribution.years()))[60]

    expected = age_distribution.expectation(logits_of(np.stack([certain, between])))

    np.testing.assert_allclose(np.asarray(expected), [[30.0], [50.0]], rtol=1e-5)


def test_label_distribution_is_least_at_the_gaussian_around_the_label():
    loss = age_distribution.LabelDistribution(sigma=2.5, expectation_weight=0.3)
    label = np.array([41.5], "float32")

    at_target = float(loss(label, logits_of(gaussian(41.5, 2.5))[None]))

    entropy = stats.entropy(gaussian(41.5, 2.5))
    assert at_target == pytest.approx(entropy, abs=1e-3)
    for other in (gaussian(43, 2.5), gaussian(41.5, 1.5), gaussian(41.5, 5.0)):
        assert float(loss(label, logits_of(other)[None])) > at_target + 0.01


def test_label_distribution_counts_the_expectations_error_by_its_weight():
    label, prediction = np.array([40.0], "float32"), logits_of(gaussian(46, 2.5))[None]

    without = age_distribution.LabelDistribution(2.5, expectation_weight=0.0)(label, prediction)
    weighted = age_distribution.LabelDistribution(2.5, expectation_weight=0.3)(label, prediction)

    assert float(weighted - without) == pytest.approx(0.3 * 6, abs=1e-3)


def test_mean_variance_counts_mean_and_variance_by_their_weights():
    label, prediction = np.array([40.0], "float32"), logits_of(gaussian(43, 2.0))[None]

    plain = age_distribution.MeanVariance(mean_weight=0.0, variance_weight=0.0)(label, prediction)
    weighted = age_distribution.MeanVariance(mean_weight=0.2, variance_weight=0.05)(label, prediction)

    assert float(plain) == pytest.approx(-np.log(gaussian(43, 2.0)[40]), abs=1e-3)
    assert float(weighted - plain) == pytest.approx(0.2 * 0.5 * 9 + 0.05 * 4, abs=1e-2)


def test_metric_is_the_error_of_the_expectation_in_years():
    metric = age_distribution.ExpectedAgeError()

    metric.update_state(np.array([30.0, 50.0]), logits_of(np.stack([gaussian(33, 2), gaussian(49, 2)])))

    assert metric.name == "mae" and float(metric.result()) == pytest.approx(2.0, abs=1e-3)


def test_smoothed_shares_follow_the_ages_and_are_nowhere_zero():
    shares = age_distribution.smoothed(np.array([20.0] * 90 + [70.0] * 10))

    assert shares.sum() == pytest.approx(1) and (shares > 0).all()
    assert shares[20] / shares[70] == pytest.approx(9, rel=0.1)
    assert shares.argmax() == 20


def test_expected_age_layer_gives_one_age_for_each_row():
    layer = age_distribution.ExpectedAge()

    assert layer(keras.ops.zeros((3, 121))).shape == (3, 1)
    assert float(layer(keras.ops.zeros((1, 121)))[0, 0]) == pytest.approx(60)

"""What training minimises."""

import keras
import numpy as np
import pytest

from age.model import objective
from age.model.settings import TrainerSettings

AGES = np.array([20.0] * 90 + [70.0] * 10)


def test_density_weights_are_one_on_average_and_more_for_rare_ages():
    weights = objective.density_weights(AGES, strength=0.5)

    assert weights[AGES.astype(int)].mean() == pytest.approx(1, abs=1e-5)
    assert weights[70] / weights[20] == pytest.approx(3, rel=0.1)


def test_strength_zero_weighs_all_alike():
    np.testing.assert_allclose(objective.density_weights(AGES, strength=0.0), 1.0)


def test_the_errors_of_the_age_are_keras_own():
    assert isinstance(objective.loss(TrainerSettings(), AGES), keras.losses.MeanAbsoluteError)
    assert isinstance(objective.loss(TrainerSettings(loss="mse"), AGES), keras.losses.MeanSquaredError)
    assert isinstance(objective.loss(TrainerSettings(loss="huber"), AGES), keras.losses.Huber)


@pytest.mark.parametrize("loss", ["mae", "mse", "huber", "label_distribution", "mean_variance"])
def test_rare_ages_count_more_under_every_loss(loss):
    outputs = 121 if loss in objective.DISTRIBUTIONS else 1
    predictions = np.zeros((2, outputs), "float32")

    def of(labels, strength):
        settings = TrainerSettings(loss=loss, label_density_strength=strength)
        return float(objective.loss(settings, AGES)(np.array(labels, "float32"), predictions))

    assert of([70, 70], 0.5) / of([70, 70], 0.0) == pytest.approx(objective.density_weights(AGES, 0.5)[70], rel=1e-4)
    assert of([20, 70], 0.5) == pytest.approx((of([20, 20], 0.5) + of([70, 70], 0.5)) / 2, rel=1e-4)


@pytest.mark.parametrize("loss, outputs", [("mae", 1), ("label_distribution", 121)])
def test_metric_of_every_loss_is_named_mae(loss, outputs):
    metric = objective.metric(TrainerSettings(loss=loss))
    metric.update_state(np.array([10.0]), np.zeros((1, outputs), "float32"))

    assert metric.name == "mae" and float(metric.result()) == pytest.approx(10 if outputs == 1 else 50, abs=1e-3)


@pytest.mark.parametrize("loss", ["mae", "mse", "huber", "label_distribution", "mean_variance"])
@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_a_mixed_photograph_counts_as_both_in_their_shares_and_others_count_as_ever(loss, strength):
    outputs = 121 if loss in objective.DISTRIBUTIONS else 1
    predictions = np.zeros((2, outputs), "float32")
    of = objective.loss(TrainerSettings(loss=loss, label_density_strength=strength), AGES)
    mixed = objective.loss(TrainerSettings(loss=loss, label_density_strength=strength, mixup=0.2), AGES)

    young, old = (float(of(np.array([age, age], "float32"), predictions)) for age in (20, 70))

    shares = np.array([[20, 70, 0.25], [20, 70, 0.75]], "float32")
    assert float(mixed(shares, predictions)) == pytest.approx((young + old) / 2, rel=1e-4)
    assert float(mixed(shares[:1], predictions[:1])) == pytest.approx(0.25 * young + 0.75 * old, rel=1e-4)
    assert float(mixed(np.array([20, 70], "float32"), predictions)) == pytest.approx((young + old) / 2, rel=1e-4)


@pytest.mark.parametrize("loss, outputs, answer", [("mae", 1, 0), ("label_distribution", 121, 60)])
def test_the_error_of_a_mixed_photograph_is_that_of_the_mean_of_both_ages(loss, outputs, answer):
    metric = objective.metric(TrainerSettings(loss=loss, mixup=0.2))
    metric.update_state(np.array([[10.0, 50.0, 0.25]], "float32"), np.zeros((1, outputs), "float32"))

    assert metric.name == "mae" and float(metric.result()) == pytest.approx(abs(40 - answer), abs=1e-3)

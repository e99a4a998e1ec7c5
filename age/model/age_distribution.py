"""Age as a distribution: the network answers with a probability for every year, and the age is their expectation.

A photograph's age is never known to the day, and neighbouring ages look alike: a distribution says both, and learns better
than one number does (Gao et al., 2018, Age Estimation Using Expectation of Label Distribution Learning).
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

OLDEST = 120
"""Years; the distribution has a probability for every whole year from 0 to this."""

SMOOTHING = 2.0
"""Standard deviation of the kernel that smooths the distribution of the training ages, years."""


def years() -> npt.NDArray[np.float32]:
    """Returns the ages that have a probability, float32 `[121]`, years."""
    return np.arange(OLDEST + 1, dtype=np.float32)


def smoothed(ages: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Returns the share of the training ages at each year, smoothed by a Gaussian and nowhere zero, `[121]`, sum 1.

    Args:
        ages: those of the training split, years.
    """
    counts, _ = np.histogram(np.clip(ages, 0, OLDEST), bins=np.append(years() - 0.5, OLDEST + 0.5))
    kernel = np.exp(-0.5 * ((years()[:, None] - years()) / SMOOTHING) ** 2)
    density = (kernel / kernel.sum(axis=0)) @ counts + 0.1
    return np.asarray(density / density.sum(), np.float64)


def expectation(logits: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the expected age of each distribution, years.

    Args:
        logits: `[n, 121]`.

    Returns:
        `[n, 1]`.
    """
    probabilities = keras.ops.softmax(keras.ops.cast(logits, "float32"), axis=-1)
    return keras.ops.sum(probabilities * years(), axis=-1, keepdims=True)


@keras.saving.register_keras_serializable("age")
class ExpectedAge(keras.layers.Layer):
    """Turn logits over years, `[n, 121]`, into the expected age, `[n, 1]` in years."""

    def call(self, logits: keras.KerasTensor) -> keras.KerasTensor:
        return expectation(logits)


@keras.saving.register_keras_serializable("age")
class MeanDistribution(keras.layers.Layer):
    """Turn several answers as logits over years, each `[n, 121]`, into the logits of their mean distribution, `[n, 121]`."""

    def call(self, several: list[keras.KerasTensor]) -> keras.KerasTensor:
        log_probabilities = [keras.ops.log_softmax(keras.ops.cast(logits, "float32"), axis=-1) for logits in several]
        return keras.ops.logsumexp(keras.ops.stack(log_probabilities), axis=0) - float(np.log(len(several)))


class _DistributionLoss(keras.losses.Loss):
    """What the losses of this module have in common: labels `[n]` or `[n, 1]` in years, predictions as logits `[n, 121]`."""

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        ages = keras.ops.reshape(keras.ops.cast(y_true, "float32"), (-1, 1))
        log_probabilities = keras.ops.log_softmax(keras.ops.cast(y_pred, "float32"), axis=-1)
        return self.of(ages, log_probabilities)

    def of(self, ages: keras.KerasTensor, log_probabilities: keras.KerasTensor) -> keras.KerasTensor:
        raise NotImplementedError


class LabelDistribution(_DistributionLoss):
    """Pull the answer towards a Gaussian around the label, and its expectation towards the label (DLDL-v2, Gao et al., 2018).

    The cross-entropy stands for the Kullback-Leibler divergence of the paper, from which it differs by a constant.

    Args:
        sigma: standard deviation of the Gaussian, years.
        expectation_weight: weight of the expectation's absolute error, per year.
    """

    def __init__(self, sigma: float, expectation_weight: float, **arguments: Any):
        super().__init__(**arguments)
        self._sigma = sigma
        self._expectation_weight = expectation_weight

    def of(self, ages: keras.KerasTensor, log_probabilities: keras.KerasTensor) -> keras.KerasTensor:
        target = keras.ops.softmax(-0.5 * keras.ops.square((years() - ages) / self._sigma), axis=-1)
        cross_entropy = -keras.ops.sum(target * log_probabilities, axis=-1)
        expected = keras.ops.sum(keras.ops.exp(log_probabilities) * years(), axis=-1)
        return cross_entropy + self._expectation_weight * keras.ops.abs(expected - ages[:, 0])


class MeanVariance(_DistributionLoss):
    """Cross-entropy at the label, the squared error of the expectation, and the variance (Pan et al., 2018).

    Args:
        mean_weight: of half the squared error of the expectation; 0.2 in the paper.
        variance_weight: of the variance; 0.05 in the paper.
    """

    def __init__(self, mean_weight: float, variance_weight: float, **arguments: Any):
        super().__init__(**arguments)
        self._mean_weight = mean_weight
        self._variance_weight = variance_weight

    def of(self, ages: keras.KerasTensor, log_probabilities: keras.KerasTensor) -> keras.KerasTensor:
        probabilities = keras.ops.exp(log_probabilities)
        expected = keras.ops.sum(probabilities * years(), axis=-1, keepdims=True)
        variance = keras.ops.sum(probabilities * keras.ops.square(years() - expected), axis=-1)
        # A label between two years is shared by them, so that its expectation is the label.
        target = keras.ops.maximum(0.0, 1.0 - keras.ops.abs(years() - ages))
        cross_entropy = -keras.ops.sum(target * log_probabilities, axis=-1)
        mean = 0.5 * keras.ops.square(expected - ages)[:, 0]
        return cross_entropy + self._mean_weight * mean + self._variance_weight * variance


@keras.saving.register_keras_serializable("age")
class ExpectedAgeError(keras.metrics.MeanMetricWrapper):
    """Mean absolute error of the expected age, years.

    Args:
        name: of the metric.
    """

    def __init__(self, name: str = "mae"):
        super().__init__(expected_age_error, name=name)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def expected_age_error(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the absolute error of the expected age, `[n]`, years.

    Args:
        y_true: ages, `[n]` or `[n, 1]`, years.
        y_pred: logits, `[n, 121]`.
    """
    ages = keras.ops.reshape(keras.ops.cast(y_true, "float32"), (-1, 1))
    return keras.ops.abs(expectation(y_pred) - ages)[:, 0]

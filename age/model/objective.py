"""What training minimises: the loss of the configuration, with rare ages weighted where it asks for that."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from age.model import age_distribution
from age.model.mixup import MixedError, MixedLoss
from age.model.settings import TrainerSettings

DISTRIBUTIONS = ("label_distribution", "mean_variance")
"""Values of `trainer.loss` under which the network answers with a distribution over years."""


def _unweighted(settings: TrainerSettings) -> keras.losses.Loss:
    if settings.loss == "label_distribution":
        return age_distribution.LabelDistribution(settings.label_sigma, settings.expectation_weight, reduction=None)
    if settings.loss == "mean_variance":
        return age_distribution.MeanVariance(settings.mean_weight, settings.variance_weight, reduction=None)
    if settings.loss == "huber":
        return keras.losses.Huber(delta=settings.huber_delta, reduction=None)
    return {"mae": keras.losses.MeanAbsoluteError, "mse": keras.losses.MeanSquaredError}[settings.loss](reduction=None)


def density_weights(ages: npt.NDArray[np.floating[Any]], strength: float) -> npt.NDArray[np.float32]:
    """Returns the weight of a photograph by its age: one over the smoothed density of the labels, to a power.

    Label distribution smoothing (Yang et al., 2021, Delving into Deep Imbalanced Regression).

    Args:
        ages: those of the training split, years.
        strength: the power; 0 weighs all alike, 0.5 and 1 are the paper's two choices.

    Returns:
        float32 `[121]`, one weight for each year; the mean over the training ages is 1.
    """
    weights = age_distribution.smoothed(ages) ** -strength
    years = np.clip(np.rint(ages), 0, age_distribution.OLDEST).astype(int)
    return np.asarray(weights / weights[years].mean(), np.float32)


class _Weighted(keras.losses.Loss):
    """A loss in which the weight of a photograph depends on its age."""

    def __init__(self, loss: keras.losses.Loss, weights: npt.NDArray[np.float32], **arguments: Any):
        super().__init__(name=loss.name, **arguments)
        self._loss = loss
        self._weights = weights

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        ages = keras.ops.reshape(keras.ops.cast(y_true, "float32"), (-1,))
        years = keras.ops.clip(keras.ops.round(ages), 0, age_distribution.OLDEST)
        losses = keras.ops.reshape(self._loss(keras.ops.reshape(ages, (-1, 1)), y_pred), (-1,))
        return losses * keras.ops.take(self._weights, keras.ops.cast(years, "int32"))


def loss(settings: TrainerSettings, ages: npt.NDArray[np.floating[Any]]) -> keras.losses.Loss:
    """Returns the loss.

    Args:
        settings: the `trainer` section.
        ages: those of the training split, years.
    """
    if settings.label_density_strength:
        each: keras.losses.Loss = _Weighted(
            _unweighted(settings), density_weights(ages, settings.label_density_strength), reduction=None
        )
    else:
        each = _unweighted(settings)
    if settings.mixup:
        return MixedLoss(each)
    each.reduction = "sum_over_batch_size"
    return each


def metric(settings: TrainerSettings) -> keras.metrics.Metric:
    """Returns the mean absolute error, years, under the name `mae`."""
    if settings.mixup:
        return MixedError(
            age_distribution.expected_age_error if settings.loss in DISTRIBUTIONS else keras.losses.mean_absolute_error
        )
    if settings.loss in DISTRIBUTIONS:
        return age_distribution.ExpectedAgeError()
    return keras.metrics.MeanAbsoluteError(name="mae")

"""Mixes photographs with one another, and what is to be learnt of them in the same shares.

A network that has seen points between its few photographs learns them less by heart (Zhang et al., 2018, mixup: Beyond Empirical
Risk Minimization). Where layers are frozen, it is their features that are mixed (Verma et al., 2019, Manifold Mixup).
"""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from age.model import datasets

_LABELS = 3
"""Of a mixed photograph: its own age, that of the other one, and its own share."""


def mixed(batches: tf.data.Dataset, concentration: float, seed: int, epoch: Callable[[], int]) -> tf.data.Dataset:
    """Returns batches of which each image is mixed with another one of the same batch.

    Args:
        batches: float32 `[n, h, w, c]`, images or features, and float32 `[n]`, ages in years; one epoch after another.
        concentration: both parameters of the beta distribution from which an image's own share is drawn; 1 draws all shares alike
            often, less leaves most images nearly as they are.
        seed: of the shares.
        epoch: says which epoch begins; the shares depend on nothing but that, the batch's place in it, and the seed.

    Returns:
        Batches of the same images or features, mixed, and float32 `[n, 3]`: the two ages, and the share of the first.
    """

    def mix(number: tf.Tensor, step: tf.Tensor, images: tf.Tensor, ages: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        count = tf.shape(ages)[0]
        seeds = tf.stack([tf.cast(seed, tf.int64), number * 2**32 + step])
        drawn = tf.random.stateless_gamma((2, count), seeds, alpha=concentration)
        share = tf.math.divide_no_nan(drawn[0], drawn[0] + drawn[1])
        # Neighbours in a batch have nothing in common: its order is random, or that of content hashes.
        others = tf.roll(images, 1, axis=0)
        of_images = tf.reshape(share, (-1, 1, 1, 1))
        return of_images * images + (1 - of_images) * others, tf.stack([ages, tf.roll(ages, 1, axis=0), share], axis=1)

    def of_an_epoch(number: tf.Tensor) -> tf.data.Dataset:
        return batches.enumerate().map(lambda step, batch: mix(number, step, *batch))

    numbers = tf.data.Dataset.from_generator(lambda: iter([epoch()]), output_signature=tf.TensorSpec((), tf.int64))
    steps = tf.data.experimental.assert_cardinality(batches.cardinality())
    return datasets.untuned(numbers.flat_map(of_an_epoch).apply(steps).prefetch(2))


def _are_mixed(labels: Any) -> bool:
    return len(labels.shape) == 2 and labels.shape[-1] == _LABELS


class MixedLoss(keras.losses.Loss):
    """The loss for each of the two ages of a mixed photograph, in their shares; for others the loss as it is.

    Args:
        loss: of a photograph; it reduces nothing.
    """

    def __init__(self, loss: keras.losses.Loss):
        super().__init__(name=loss.name)
        self._loss = loss

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        if not _are_mixed(y_true):
            return self._of(y_true, y_pred)
        share = y_true[:, 2]
        return share * self._of(y_true[:, 0], y_pred) + (1 - share) * self._of(y_true[:, 1], y_pred)

    def _of(self, ages: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.reshape(self._loss(keras.ops.reshape(ages, (-1, 1)), y_pred), (-1,))


class MixedError(keras.metrics.MeanMetricWrapper):
    """The mean absolute error, years; of mixed photographs, against the mean of the two ages in their shares.

    Args:
        error: labels `[n, 1]` and predictions to absolute errors `[n]`.
    """

    def __init__(self, error: Callable[[Any, Any], Any]):
        def of_the_mean(y_true: Any, y_pred: Any) -> Any:
            if _are_mixed(y_true):
                y_true = y_true[:, 2] * y_true[:, 0] + (1 - y_true[:, 2]) * y_true[:, 1]
            return error(keras.ops.reshape(y_true, (-1, 1)), y_pred)

        super().__init__(of_the_mean, name="mae")

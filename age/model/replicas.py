"""On which devices a network is trained: one, or all GPUs of the machine, each with its share of every batch."""

import keras
import tensorflow as tf

from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput


def strategy() -> tf.distribute.Strategy:
    """Returns how a network is spread: copies on all GPUs where there are several, else as TensorFlow does by itself.

    Networks and optimizers made in its scope are trained in that way. Weights are the same on all devices after each step.
    """
    if len(tf.config.list_physical_devices("GPU")) > 1 and not tf.distribute.has_strategy():
        return tf.distribute.MirroredStrategy()
    return tf.distribute.get_strategy()


def count() -> int:
    """Returns on how many devices a network is trained that is made here."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def check(settings: TrainerSettings) -> None:
    """Refuses what can't be spread.

    Raises:
        BadInput: gradients shall be accumulated on several devices.
    """
    if count() > 1 and settings.accumulate_batches > 1:
        raise BadInput(
            f"trainer.accumulate_batches is {settings.accumulate_batches} and there are {count()} GPUs, on which TensorFlow can't "
            "accumulate gradients. Expected 1: together they hold larger batches (trainer.batch_size)."
        )


def normalise_whole_batches(layer: keras.layers.BatchNormalization) -> None:
    """Lets batch normalisation see the whole batch in training, not a device's share of it alone."""
    layer.synchronized = count() > 1


def in_equal_shares(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Returns training batches that all devices have equal shares of; a last one that can't be shared out repeats its first images.

    The gradient is the mean over the devices, so that an image in a smaller share would count more, and an empty share is no
    number at all to batch normalisation.

    Args:
        batches: images or features `[n, ...]`, and ages `[n]`, or `[n, k]` where they are mixed.
    """
    devices = count()
    if devices == 1:
        return batches

    def shared_out(images: tf.Tensor, ages: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = tf.shape(ages)[0]
        rows = tf.range(-(-found // devices) * devices) % found
        return tf.gather(images, rows), tf.gather(ages, rows)

    return batches.map(shared_out)

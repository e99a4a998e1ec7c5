"""Feeds the trainable tail from the feature cache."""

import numpy as np
import tensorflow as tf

from components.trainer.feature_cache import CachedSplit


def _dataset(split: CachedSplit, batches, steps: int) -> tf.data.Dataset:
    shape, dtype = split.features.shape[2:], tf.as_dtype(split.features.dtype)

    def generate():
        for rows, views in batches():
            yield split.features[rows, views], split.ages[rows]

    dataset = tf.data.Dataset.from_generator(
        generate,
        output_signature=(tf.TensorSpec((None, *shape), dtype), tf.TensorSpec((None,), tf.float32)),
    )
    return (
        dataset.apply(tf.data.experimental.assert_cardinality(steps))
        .prefetch(2)
        .map(lambda features, ages: (tf.cast(features, tf.float32), ages))
    )


def training_batches(split: CachedSplit, batch_size: int, seed: int) -> tf.data.Dataset:
    """Returns batches for one epoch after another: every image once, in a new order, each in one of its views at random.

    Args:
        split: the training split.
        batch_size: images in a step.
        seed: of order and views.
    """
    count, views = split.features.shape[:2]
    random = np.random.default_rng(seed)

    def batches():
        order, chosen = random.permutation(count), random.integers(views, size=count)
        for start in range(0, count, batch_size):
            rows = np.sort(order[start : start + batch_size])
            yield rows, chosen[rows]

    return _dataset(split, batches, -(-count // batch_size))


def validation_batches(split: CachedSplit, batch_size: int) -> tf.data.Dataset:
    """Returns batches of the images as they are (view 0), in a fixed order."""
    count = len(split.ages)

    def batches():
        for start in range(0, count, batch_size):
            rows = np.arange(start, min(start + batch_size, count))
            yield rows, np.zeros_like(rows)

    return _dataset(split, batches, -(-count // batch_size))

"""Varies images as photographs of faces vary: mirrored, slightly turned, shifted, nearer, brighter, flatter."""

from typing import Any

import keras
import tensorflow as tf

from age.model.settings import Augmentation


class _RandomSaturation(keras.layers.Layer):
    """Blend each image with its grey version, or away from it: `[n, s, s, 3]`, 0 to 255.

    Keras' own layer goes by way of hue and saturation, for which it wants other ranges than 0 to 255.
    """

    def __init__(self, reach: float, seed: int):
        super().__init__(name="random_saturation")
        self._reach = reach
        self._random = keras.random.SeedGenerator(seed)

    def call(self, images: Any, training: bool = False) -> Any:
        if not training:
            return images
        shape = (keras.ops.shape(images)[0], 1, 1, 1)
        kept = keras.random.uniform(shape, 1 - self._reach, 1 + self._reach, seed=self._random)
        grey = keras.ops.sum(images * (0.299, 0.587, 0.114), axis=-1, keepdims=True)
        return keras.ops.clip(grey + (images - grey) * kept, 0, 255)


def augmenter(settings: Augmentation, seed: int) -> keras.Sequential:
    """Returns a model that varies images at random when called with `training=True`.

    Args:
        settings: the largest changes.
        seed: of the changes; the same calls in the same order give the same images.

    Returns:
        Model from `[n, s, s, 3]` to the same shape, 0 to 255.
    """
    layers = []
    if settings.mirror:
        layers.append(keras.layers.RandomFlip("horizontal", seed=seed))
    if settings.rotation:
        layers.append(keras.layers.RandomRotation(settings.rotation / 360.0, fill_mode="nearest", seed=seed + 1))
    if settings.zoom:
        layers.append(keras.layers.RandomZoom(settings.zoom, fill_mode="nearest", seed=seed + 2))
    if settings.shift:
        layers.append(keras.layers.RandomTranslation(settings.shift, settings.shift, fill_mode="nearest", seed=seed + 3))
    if settings.brightness:
        layers.append(keras.layers.RandomBrightness(settings.brightness, value_range=(0, 255), seed=seed + 4))
    if settings.contrast:
        layers.append(keras.layers.RandomContrast(settings.contrast, value_range=(0, 255), seed=seed + 5))
    if settings.saturation:
        layers.append(_RandomSaturation(settings.saturation, seed=seed + 6))
    if settings.erasing:
        share = (settings.erasing, settings.erasing)
        layers.append(
            keras.layers.RandomErasing(share, scale=(0.02, 0.2), fill_value=127.5, value_range=(0, 255), seed=seed + 7)
        )
    return keras.Sequential(layers or [keras.layers.Identity()], name="augmentation")


def view(images: tf.Tensor, number: int, random_views: keras.Sequential, settings: Augmentation) -> tf.Tensor:
    """Returns view `number` of a batch: 0 the images, 1 their mirror images (where mirroring is on), then random ones.

    Args:
        images: float32 `[n, s, s, 3]`.
        number: which view.
        random_views: an `augmenter`.
        settings: what may vary.
    """
    if number == 0:
        return images
    if number == 1 and settings.mirror:
        return images[:, :, ::-1, :]
    return random_views(images, training=True)

"""What a pretrained network sees in photographs before it has learnt any age: its features, pooled over each picture."""

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from age import progress
from age.model import example_reading, feature_cache, training
from age.model.backbone import WEIGHTS_NONE
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput

_BATCH = 64
_DOING = "Looking at the photographs"


class PooledFeatures:
    """The pooled features that the head of a network would see, with the weights that the network starts from.

    No label of the data has touched them, so that a model that is fitted on them for some photographs knows nothing of the labels of
    others. What is below the last frozen layer comes from the Trainer's feature cache where that has it.

    Args:
        settings: the `trainer` section.
        labels: of the training split.
        feature_cache_dir: the Trainer's.

    Raises:
        BadInput: nothing in the network is pretrained, or as `network.build`.
    """

    def __init__(self, settings: TrainerSettings, labels: example_reading.Labels, feature_cache_dir: str):
        if settings.weights == WEIGHTS_NONE:
            raise BadInput(
                f"trainer.weights is '{WEIGHTS_NONE}': labels are checked by what a pretrained network sees, and random weights see "
                "nothing. Expected the path of a weights file, or 'imagenet'."
            )
        self._settings = settings
        self._directory = feature_cache_dir
        self._network = training.build_network(settings, labels)
        tail = self._network.tail
        names = [layer.name for layer in tail.layers]
        pooled = keras.Model(tail.input, tail.get_layer("pools" if "pools" in names else "pool_0").output)
        stem = self._network.stem
        self._of_features = tf.function(lambda features: pooled(features, training=False), reduce_retracing=True)
        self._of_images = tf.function(
            lambda images: pooled(images if stem is None else stem(images, training=False), training=False),
            reduce_retracing=True,
        )

    def of(self, split: example_reading.Split) -> npt.NDArray[np.float32]:
        """Returns the features of a split's photographs, float32 `[n, d]`, in the labels' order.

        Args:
            split: the photographs.
        """
        cached = self._cached(split)
        labels = split.labels
        rows: list[npt.NDArray[np.float32]] = []
        if cached is not None:
            for start in range(0, len(labels), _BATCH):
                features = tf.constant(cached.features[start : start + _BATCH, 0], tf.float32)
                rows.append(self._of_features(features).numpy())
                progress.report(_DOING, done=min(start + _BATCH, len(labels)), total=len(labels), unit="photographs")
            return np.concatenate(rows)
        for images in example_reading.decoded_images(split.file_patterns, self._settings.image_size, _BATCH):
            rows.append(self._of_images(tf.cast(images, tf.float32)).numpy())
            progress.report(_DOING, done=sum(map(len, rows)), total=len(labels), unit="photographs")
        as_stored = np.concatenate(rows)
        ordered = np.empty_like(as_stored)
        ordered[labels.rank] = as_stored
        return ordered

    def _cached(self, split: example_reading.Split) -> feature_cache.CachedSplit | None:
        if self._network.stem is None:
            return None
        for views in (self._settings.views, 1):
            source = feature_cache.Source(split.file_patterns, split.labels, views)
            found = feature_cache.find(self._directory, self._network.stem_digest(), self._settings, source)
            if found is not None:
                return found
        return None

"""No pipeline of the Trainer waits for tf.data's tuning thread."""

import numpy as np
import pytest
import tensorflow as tf

from age.model import datasets, example_reading, feeding
from age.model.feature_cache import CachedSplit


@pytest.fixture
def split(tmp_path):
    features = np.lib.format.open_memmap(tmp_path / "f.npy", mode="w+", dtype=np.float16, shape=(8, 2, 1, 1, 4))
    return CachedSplit(features=features, ages=np.zeros(8, np.float32), computed=True, seconds=0.0)


def pipelines(train_files, split):
    return {
        "decoded": example_reading.decoded_images(train_files, 32, 16),
        "streamed": example_reading.streamed_batches(train_files, 70, 32, 16, shuffle_seed=0),
        "streamed in stored order": example_reading.streamed_batches(train_files, 70, 32, 16),
        "from the cache": feeding.training_batches(split, 4, seed=0),
        "validation": feeding.validation_batches(split, 4),
    }


def test_every_pipeline_is_untuned(train_files, split):
    tuned = [
        name for name, dataset in pipelines(train_files, split).items() if dataset.options().autotune.enabled is not False
    ]
    assert tuned == []


def test_the_option_outlives_what_keras_does_with_a_dataset():
    dataset = datasets.untuned(tf.data.Dataset.range(4)).take(2).repeat().prefetch(1)
    assert dataset.options().autotune.enabled is False

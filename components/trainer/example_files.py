"""Reads the examples that FaceExampleGen wrote."""

import dataclasses
from typing import List

import numpy as np
import tensorflow as tf

from components import image_decoding
from schemas import features
from schemas.bad_input import BadInput


@dataclasses.dataclass(frozen=True)
class Labels:
    """The label of every example of a split, in the order of the content hashes.

    Attributes:
        sha256: hexadecimal content hashes, ascending.
        ages: float32 `[n]`, years.
        rank: int `[n]`; `rank[i]` is the place in this order of the i-th example as stored.
    """

    sha256: List[str]
    ages: np.ndarray
    rank: np.ndarray

    def __len__(self) -> int:
        return len(self.sha256)


def _records(file_patterns: List[str]) -> tf.data.Dataset:
    paths = sorted(path for pattern in file_patterns for path in tf.io.gfile.glob(pattern))
    return tf.data.TFRecordDataset(paths)


def read_labels(file_patterns: List[str]) -> Labels:
    """Reads ages and content hashes of a split, without decoding any image.

    Raises:
        BadInput: there are no examples.
    """
    wanted = {
        features.AGE: tf.io.FixedLenFeature([], tf.float32),
        features.IMAGE_SHA256: tf.io.FixedLenFeature([], tf.string),
    }
    hashes, ages = [], []
    for batch in _records(file_patterns).batch(1024).map(lambda examples: tf.io.parse_example(examples, wanted)):
        hashes.extend(value.decode() for value in batch[features.IMAGE_SHA256].numpy())
        ages.append(batch[features.AGE].numpy())
    if not hashes:
        raise BadInput(f"{', '.join(file_patterns)}: no examples to learn from. Give more photographs.")
    order = np.argsort(np.array(hashes), kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Labels(sha256=[hashes[index] for index in order], ages=np.concatenate(ages)[order], rank=rank)


def decoded_images(file_patterns: List[str], image_size: int, batch_size: int) -> tf.data.Dataset:
    """Returns batches of images as the network sees them, uint8 `[n, image_size, image_size, 3]`, in stored order."""
    wanted = {features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string)}

    def decode(example):
        return image_decoding.decode_to_square(
            tf.io.parse_single_example(example, wanted)[features.IMAGE_ENCODED], image_size
        )

    return (
        _records(file_patterns).map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(2)
    )

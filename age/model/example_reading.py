"""Reads the examples that FaceExampleGen wrote, however many files they are in."""

import dataclasses
import itertools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from age import image_decoding
from age.model import datasets
from schemas import features
from schemas.bad_input import BadInput

_FILES_AT_ONCE = 16
_RECORDS_IN_A_ROW = 16
_SHUFFLED_BYTES = 256 * 2**20
_SEEDS_APART = 1_000_003
_DIGEST = np.dtype("S32")


@dataclasses.dataclass(frozen=True)
class Labels:
    """The label of every example of a split, in the order of the content hashes: some fifty bytes an example.

    Attributes:
        sha256: S32 `[n]`, content hashes, ascending.
        ages: float32 `[n]`, years.
        rank: int `[n]`; `rank[i]` is the place in this order of the i-th example as stored.
    """

    sha256: npt.NDArray[np.bytes_]
    ages: npt.NDArray[np.float32]
    rank: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.ages)


def _paths(file_patterns: list[str]) -> list[str]:
    return sorted(path for pattern in file_patterns for path in tf.io.gfile.glob(pattern))


def _interleaved(paths: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the records of many files, a few from each in turn, in an order that depends on nothing but the files'."""
    return paths.interleave(
        tf.data.TFRecordDataset,
        cycle_length=_FILES_AT_ONCE,
        block_length=_RECORDS_IN_A_ROW,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )


def records(file_patterns: list[str]) -> tf.data.Dataset:
    """Returns the examples of a split as they are stored, serialized, in the order in which `Labels.rank` counts them."""
    return _interleaved(tf.data.Dataset.from_tensor_slices(tf.constant(_paths(file_patterns), tf.string)))


def _digests(hexadecimal: npt.NDArray[np.object_]) -> npt.NDArray[np.bytes_]:
    return np.frombuffer(bytes.fromhex(b"".join(hexadecimal).decode()), _DIGEST)


def read_labels(file_patterns: list[str]) -> Labels:
    """Reads ages and content hashes of a split, without decoding any image.

    Raises:
        BadInput: there are no examples.
    """
    wanted = {
        features.AGE: tf.io.FixedLenFeature([], tf.float32),
        features.IMAGE_SHA256: tf.io.FixedLenFeature([], tf.string),
    }
    hashes, ages = [], []
    batches = records(file_patterns).batch(1024).map(lambda examples: tf.io.parse_example(examples, wanted))
    for batch in datasets.untuned(batches):
        hashes.append(_digests(batch[features.IMAGE_SHA256].numpy()))
        ages.append(batch[features.AGE].numpy())
    if not hashes:
        raise BadInput(f"{', '.join(file_patterns)}: no examples to learn from. Give more photographs.")
    digests = np.concatenate(hashes)
    order = np.argsort(digests, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return Labels(sha256=digests[order], ages=np.concatenate(ages)[order], rank=rank)


def read_file_names(file_patterns: list[str], labels: Labels) -> list[str]:
    """Returns the file name of each photograph of a split, in the labels' order.

    Args:
        file_patterns: TFRecord files of the split.
        labels: what `read_labels` returned for them.
    """
    wanted = {features.IMAGE_FILENAME: tf.io.FixedLenFeature([], tf.string)}
    names: list[str] = [""] * len(labels)
    places = iter(labels.rank)
    batches = records(file_patterns).batch(1024).map(lambda examples: tf.io.parse_example(examples, wanted))
    for batch in datasets.untuned(batches):
        for name in batch[features.IMAGE_FILENAME].numpy():
            names[next(places)] = name.decode("utf-8", "replace")
    return names


@dataclasses.dataclass(frozen=True)
class Split:
    """The examples of a split, in files.

    Attributes:
        file_patterns: its TFRecord files.
        labels: what `read_labels` returned for them.
    """

    file_patterns: list[str]
    labels: Labels

    @classmethod
    def read(cls, file_patterns: list[str]) -> "Split":
        """Reads the labels of a split.

        Raises:
            BadInput: there are no examples.
        """
        return cls(file_patterns, read_labels(file_patterns))

    def streamed_batches(
        self,
        image_size: int,
        batch_size: int,
        shuffle_seed: int | None = None,
        epoch: Callable[[], int] | None = None,
    ) -> tf.data.Dataset:
        """Returns batches of images and ages, as `streamed_batches` does."""
        return streamed_batches(self.file_patterns, len(self.labels), image_size, batch_size, shuffle_seed, epoch)


def _decoded(example: dict[str, tf.Tensor], image_size: int) -> tf.Tensor:
    return image_decoding.decode_to_square(example[features.IMAGE_ENCODED], image_size)


def decoded_images(file_patterns: list[str], image_size: int, batch_size: int) -> tf.data.Dataset:
    """Returns batches of images as the network sees them, uint8 `[n, image_size, image_size, 3]`, in stored order."""
    wanted = {features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string)}

    def decode(record: tf.Tensor) -> tf.Tensor:
        return _decoded(tf.io.parse_single_example(record, wanted), image_size)

    return datasets.untuned(
        records(file_patterns).map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(2)
    )


def streamed_batches(
    file_patterns: list[str],
    count: int,
    image_size: int,
    batch_size: int,
    shuffle_seed: int | None = None,
    epoch: Callable[[], int] | None = None,
) -> tf.data.Dataset:
    """Returns batches of images and ages as they come from the files: memory does not grow with their number.

    Args:
        file_patterns: TFRecord files of the split.
        count: examples in them.
        image_size: side of the images, pixels.
        batch_size: images in a batch.
        shuffle_seed: files and, within a window of `_SHUFFLED_BYTES` of records, examples come in a new order each time;
            None for the stored order.
        epoch: says which epoch begins, whose order depends on nothing but that and the seed; None counts them.

    Returns:
        Batches of float32 `[n, image_size, image_size, 3]`, 0 to 255, and float32 `[n]`, years.
    """
    wanted = {
        features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string),
        features.AGE: tf.io.FixedLenFeature([], tf.float32),
    }
    paths = _paths(file_patterns)
    files = tf.data.Dataset.from_tensor_slices(tf.constant(paths, tf.string))
    if shuffle_seed is None:
        records = _interleaved(files)
    else:
        mean_bytes = sum(tf.io.gfile.stat(path).length for path in paths) / count
        window = min(count, max(batch_size, int(_SHUFFLED_BYTES / mean_bytes)))

        def shuffled(number: tf.Tensor) -> tf.data.Dataset:
            # Without a seed of the graph's own, TensorFlow compares the other one, which is a tensor here, with 0.
            tf.compat.v1.set_random_seed(1)
            seed = shuffle_seed + _SEEDS_APART * number
            return _interleaved(files.shuffle(len(paths), seed=seed)).shuffle(window, seed=seed)

        counted = epoch or itertools.count().__next__
        numbers = tf.data.Dataset.from_generator(lambda: iter([counted()]), output_signature=tf.TensorSpec((), tf.int64))
        records = numbers.flat_map(shuffled)

    def decode(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, wanted)
        return tf.cast(_decoded(example, image_size), tf.float32), example[features.AGE]

    batches = records.map(decode, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size)
    steps = -(-count // batch_size)
    return datasets.untuned(batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2))

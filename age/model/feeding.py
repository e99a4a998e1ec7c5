"""Feeds the trained part of a network, from the feature cache or from the files."""

import dataclasses
import itertools
import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from age.model import datasets, example_reading, feature_cache, mixup, network
from age.model.feature_cache import CachedSplit, Features
from age.model.settings import TrainerSettings
from schemas.verdict import FeatureCache

_WINDOW_BYTES = 2**30
_BLOCK_BYTES = 4 * 2**20

_Rows = npt.NDArray[np.int64]
_Batches = Iterator[tuple[_Rows, _Rows]]
"""The rows of each batch, and the view of each row."""


def _shuffled(count: int, row_bytes: int, random: np.random.Generator) -> Iterator[_Rows]:
    """Yields the rows of an epoch, window by window, each in random order.

    What fits one window is shuffled as a whole. More than that is drawn as random blocks of neighbouring rows, so that a
    window is read from the disk in long pieces. Rows lie in the order of their content hashes, so neighbours have nothing
    in common.
    """
    rows_in_block = max(1, _BLOCK_BYTES // row_bytes)
    blocks_in_window = max(1, _WINDOW_BYTES // (rows_in_block * row_bytes))
    if count <= rows_in_block * blocks_in_window:
        yield random.permutation(count)
        return
    blocks = random.permutation(-(-count // rows_in_block))
    for first in range(0, len(blocks), blocks_in_window):
        starts = blocks[first : first + blocks_in_window] * rows_in_block
        rows = (starts[:, None] + np.arange(rows_in_block)).ravel()
        yield random.permutation(rows[rows < count])


def _read_ahead(features: Features, rows: _Rows) -> None:
    """Asks the system to read rows from the disk, in long pieces, while others are used."""
    if features.filename is None or not hasattr(os, "posix_fadvise"):
        return
    row_bytes = features[:1].nbytes
    ordered = np.sort(rows)
    with open(features.filename, "rb") as file:
        for piece in np.split(ordered, np.flatnonzero(np.diff(ordered) != 1) + 1):
            start = features.offset + int(piece[0]) * row_bytes
            os.posix_fadvise(file.fileno(), start, len(piece) * row_bytes, os.POSIX_FADV_WILLNEED)


def _order(features: Features, random: np.random.Generator) -> Iterator[_Rows]:
    """Yields the rows of an epoch in pieces, reading one window ahead."""
    current: _Rows | None = None
    for following in _shuffled(len(features), features[:1].nbytes, random):
        _read_ahead(features, following)
        if current is not None:
            yield current
        current = following
    if current is not None:
        yield current


def _in_batches(pieces: Iterator[_Rows], batch_size: int) -> Iterator[_Rows]:
    left: _Rows = np.empty(0, np.int64)
    for piece in pieces:
        rows = np.concatenate([left, piece])
        whole = len(rows) - len(rows) % batch_size
        yield from rows[:whole].reshape(-1, batch_size)
        left = rows[whole:]
    if len(left):
        yield left


def _dataset(split: CachedSplit, batches: Callable[[], _Batches], steps: int) -> tf.data.Dataset:
    shape, dtype = split.features.shape[2:], tf.as_dtype(split.features.dtype)

    def generate() -> Iterator[tuple[npt.NDArray[np.float16 | np.uint8], npt.NDArray[np.float32]]]:
        for rows, views in batches():
            yield split.features[rows, views], split.ages[rows]

    dataset = tf.data.Dataset.from_generator(
        generate,
        output_signature=(tf.TensorSpec((None, *shape), dtype), tf.TensorSpec((None,), tf.float32)),
    )
    return datasets.untuned(
        dataset.apply(tf.data.experimental.assert_cardinality(steps))
        .prefetch(2)
        .map(lambda features, ages: (tf.cast(features, tf.float32), ages))
    )


def training_batches(
    split: CachedSplit, batch_size: int, seed: int, epoch: Callable[[], int] | None = None
) -> tf.data.Dataset:
    """Returns batches for one epoch after another: every image once, in a new order, each in one of its views at random.

    Args:
        split: the training split.
        batch_size: images in a step.
        seed: of order and views.
        epoch: says which epoch begins, whose order and views depend on nothing but that and the seed; None counts them.
    """
    count, views = split.features.shape[:2]
    epoch = epoch or itertools.count().__next__

    def batches() -> _Batches:
        random = np.random.default_rng([seed, epoch()])
        for rows in _in_batches(_order(split.features, random), batch_size):
            rows = np.sort(rows)
            yield rows, random.integers(views, size=len(rows))

    return _dataset(split, batches, -(-count // batch_size))


def validation_batches(split: CachedSplit, batch_size: int) -> tf.data.Dataset:
    """Returns batches of the images as they are (view 0), in a fixed order."""
    count = len(split.ages)

    def batches() -> _Batches:
        for start in range(0, count, batch_size):
            rows = np.arange(start, min(start + batch_size, count))
            yield rows, np.zeros_like(rows)

    return _dataset(split, batches, -(-count // batch_size))


@dataclasses.dataclass(frozen=True)
class Batches:
    """What a training is fed with.

    Attributes:
        training: what is learnt from, in a new order in each epoch.
        validation: what is measured on after each.
        cache: what was kept of it on disk; None where nothing was.
        cached: the splits that are on disk.
    """

    training: tf.data.Dataset
    validation: tf.data.Dataset
    cache: FeatureCache | None
    cached: Sequence[CachedSplit] = ()

    def let_go(self) -> None:
        """Takes what was read of the splits out of this process's memory."""
        for split in self.cached:
            split.let_go()


def batches(
    net: network.AgeNetwork,
    settings: TrainerSettings,
    training: example_reading.Split,
    validation: example_reading.Split,
    feature_cache_dir: str,
    epoch: Callable[[], int],
) -> Batches:
    """Returns what a training is fed with: from the feature cache, which is filled where it lacks something, or from the files.

    Args:
        net: what is trained, and its frozen part.
        settings: the `trainer` section.
        training: what is learnt from.
        validation: what chooses the best epoch.
        feature_cache_dir: where the outputs of frozen layers are kept, or the decoded images when nothing is frozen.
        epoch: says which epoch begins, counted from 0.

    Raises:
        BadInput: a full disk.
    """

    def mixed(whole: tf.data.Dataset) -> tf.data.Dataset:
        return mixup.mixed(whole, settings.mixup, settings.seed, epoch) if settings.mixup else whole

    if not settings.feature_cache:
        return Batches(
            mixed(
                training.streamed_batches(settings.image_size, settings.batch_size, shuffle_seed=settings.seed, epoch=epoch)
            ),
            validation.streamed_batches(settings.image_size, settings.batch_size),
            None,
        )
    views = settings.views if net.stem is not None else 1
    cached = feature_cache.cached_splits(
        feature_cache_dir,
        net.stem,
        net.stem_digest(),
        settings,
        [
            feature_cache.Source(training.file_patterns, training.labels, views),
            feature_cache.Source(validation.file_patterns, validation.labels, views=1),
        ],
    )
    cache = FeatureCache(
        computed=any(split.computed for split in cached),
        views=views,
        bytes=sum(int(split.features.nbytes) for split in cached),
        seconds=sum(split.seconds for split in cached),
    )
    return Batches(
        mixed(training_batches(cached[0], settings.batch_size, settings.seed, epoch)),
        validation_batches(cached[1], settings.batch_size),
        cache,
        cached,
    )

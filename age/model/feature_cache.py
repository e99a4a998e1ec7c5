"""Computes the outputs of frozen layers once per image and view, and keeps them on disk.

What a network's frozen part makes of an image never changes, so computing it in every epoch is waste: on two cores it is
the difference between hours and minutes. The cache is a NumPy file for each split, `[examples, views, height, width,
channels]`, memory-mapped, so that it may be larger than memory: float16 features, or uint8 images when nothing is frozen.
It is keyed by everything it depends on, so that a run with another learning rate or head finds it again.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from absl import logging

from age import progress
from age.model import augmentation, example_reading
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput

_COMPUTE_BATCH = 32
_SPARE_BYTES = 512 * 2**20
_FORMAT = 2
_KEPT_CACHES = 4
_SECONDS_BETWEEN_LINES = 30


@dataclasses.dataclass(frozen=True)
class Source:
    """The examples of a split, and how many views of each are wanted.

    Attributes:
        file_patterns: TFRecord files of the split.
        labels: what `example_reading.read_labels` returned for them.
        views: views of each image.
    """

    file_patterns: list[str]
    labels: example_reading.Labels
    views: int


Features = np.memmap[Any, np.dtype[np.float16 | np.uint8]]
"""What is kept of a split, `[n, views, h, w, c]`: features, or images when nothing is frozen."""


@dataclasses.dataclass(frozen=True)
class CachedSplit:
    """A split whose features are on disk.

    Attributes:
        features: memory-mapped array `[n, views, h, w, c]`.
        ages: float32 `[n]`, years.
        computed: whether they were computed now (False: found).
        seconds: what that took.
    """

    features: Features
    ages: npt.NDArray[np.float32]
    computed: bool
    seconds: float


def _key(stem_digest: str, settings: TrainerSettings, views: int, labels: example_reading.Labels) -> str:
    what = {
        "format": _FORMAT,
        "stem": stem_digest,
        "image_size": settings.image_size,
        "views": views,
        # Views beyond the mirror image depend on what varies and on the seed.
        "augmentation": settings.augmentation.model_dump() if views > 1 else None,
        "seed": settings.seed if views > 2 else None,
        "examples": hashlib.sha256(labels.sha256.data).hexdigest(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]


def _require_space(directory: str, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if needed + _SPARE_BYTES > free:
        raise BadInput(
            f"{directory}: the features need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free. Free some space, choose "
            "another workdir, lower trainer.views or trainer.image_size, or set trainer.feature_cache to false (every epoch then "
            "decodes the images and computes frozen layers again)."
        )


def _forget_old_caches(directory: str, keep: Sequence[str]) -> None:
    """Removes all but the most recently used caches, and what an interrupted run left behind."""
    for name in os.listdir(directory):
        if name.endswith(".unfinished"):
            os.remove(os.path.join(directory, name))
    files = [os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".npy")]
    by_age = sorted((path for path in files if path not in keep), key=os.path.getmtime, reverse=True)
    for path in by_age[_KEPT_CACHES - len(keep) :]:
        logging.info("Removing the features in %s, which %d newer ones replaced.", path, _KEPT_CACHES)
        os.remove(path)


class _Progress:
    """Tells how far a computation is: always whoever listens, and the log now and then."""

    def __init__(self, doing: str, count: int):
        self._doing = doing
        self._count = count
        self._started = self._reported_at = time.monotonic()
        self.update(0)

    def update(self, done: int) -> None:
        progress.report(self._doing, done=done, total=self._count, unit="images")
        now = time.monotonic()
        if now - self._reported_at > _SECONDS_BETWEEN_LINES or done == self._count:
            self._reported_at = now
            logging.info("%d of %d images, %.0f images/s", done, self._count, done / (now - self._started))


def _doing(stem: keras.Model | None, views: int, needed: int) -> str:
    what = "Decoding" if stem is None else "Computing the features of"
    many = f", {views} views each" if views > 1 else ""
    size = f"{needed / 1e9:.2f} GB" if needed >= 1e9 else f"{needed / 1e6:.1f} MB"
    return f"{what} images once{many} ({size})"


@dataclasses.dataclass(frozen=True)
class _Array:
    """The shape and type of what is kept of a split."""

    shape: tuple[int, ...]
    dtype: type[np.float16] | type[np.uint8]

    @property
    def nbytes(self) -> int:
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def _array(stem: keras.Model | None, settings: TrainerSettings, source: Source) -> _Array:
    if stem is None:
        return _Array((len(source.labels), source.views, settings.image_size, settings.image_size, 3), np.uint8)
    return _Array((len(source.labels), source.views, *stem.output.shape[1:]), np.float16)


def _compute(path: str, stem: keras.Model | None, settings: TrainerSettings, source: Source) -> None:
    wanted, labels, views = _array(stem, settings, source), source.labels, source.views
    logging.info("Computing %d view(s) of %d images once: %.2f GB in %s", views, len(labels), wanted.nbytes / 1e9, path)

    random_views = augmentation.augmenter(settings.augmentation, settings.seed)
    forward = None if stem is None else tf.function(lambda images: tf.cast(stem(images, training=False), tf.float16))
    unfinished = f"{path}.{os.getpid()}.unfinished"
    array = np.lib.format.open_memmap(unfinished, mode="w+", dtype=wanted.dtype, shape=wanted.shape)
    done, progress_line = 0, _Progress(_doing(stem, views, wanted.nbytes), len(labels))
    for images in example_reading.decoded_images(source.file_patterns, settings.image_size, _COMPUTE_BATCH):
        ranks = labels.rank[done : done + len(images)]
        for number in range(views):
            if forward is None:
                array[ranks, number] = images.numpy()
            else:
                seen = augmentation.view(tf.cast(images, tf.float32), number, random_views, settings.augmentation)
                array[ranks, number] = forward(seen).numpy()
        done += len(images)
        progress_line.update(done)
    array.flush()
    os.replace(unfinished, path)


def cached_splits(
    directory: str,
    stem: keras.Model | None,
    stem_digest: str,
    settings: TrainerSettings,
    sources: Sequence[Source],
) -> list[CachedSplit]:
    """Returns the features of splits, computing what is not on disk yet.

    Args:
        directory: where caches are kept; a local disk.
        stem: the frozen part; None caches the decoded, resized images themselves (and one view of each).
        stem_digest: what the features depend on beside the images (`AgeNetwork.stem_digest`).
        settings: the `trainer` section.
        sources: the splits.

    Raises:
        BadInput: the disk is too small for all of them; said before anything is computed.
    """
    os.makedirs(directory, exist_ok=True)
    paths = [os.path.join(directory, f"{_key(stem_digest, settings, source.views, source.labels)}.npy") for source in sources]
    _forget_old_caches(directory, keep=paths)
    missing = {path: source for path, source in zip(paths, sources) if not os.path.exists(path)}
    if missing:
        _require_space(directory, sum(_array(stem, settings, source).nbytes for source in missing.values()))
    splits = []
    for path, source in zip(paths, sources):
        started = time.monotonic()
        if path in missing:
            _compute(path, stem, settings, source)
        else:
            os.utime(path)
        splits.append(
            CachedSplit(
                features=np.load(path, mmap_mode="r"),
                ages=source.labels.ages,
                computed=path in missing,
                seconds=time.monotonic() - started,
            )
        )
    return splits

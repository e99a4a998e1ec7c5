"""Computes the outputs of frozen layers once per image and view, and keeps them on disk.

What a network's frozen part makes of an image never changes, so computing it in every epoch is waste: on two cores it is
the difference between hours and minutes. The cache is a NumPy file for each split, `[examples, views, height, width,
channels]`, memory-mapped, so that it may be larger than memory: float16 features, or uint8 images when nothing is frozen.
It is keyed by everything it depends on, this code and its libraries among it, so that a run with another learning rate or head finds
it again.

Several trainings may use one directory at once, also on a volume that several machines share. A file is written under a name of its
own and appears under its key whole, or not at all where another process was first. Whoever reads or writes a file holds a lock on it
(`flock`, which ends with its process), and only files that nobody holds are removed.
"""

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import json
import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from absl import logging

from age import code_digest, progress
from age.model import augmentation, example_reading
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput

_COMPUTE_BATCH = 32
_SPARE_BYTES = 512 * 2**20
_FORMAT = 2
_KEPT_CACHES = 4
_UNFINISHED = ".unfinished"
_CODE = ("age.model.feature_cache", "age.model.network")
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
        held: keeps the file from being removed; None where nobody would.
    """

    features: Features
    ages: npt.NDArray[np.float32]
    computed: bool
    seconds: float
    held: "Hold | None" = None

    def let_go(self) -> None:
        """Takes what was read of the features out of this process's memory, whoever still refers to them."""
        mapped = self.features.base
        if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


def _key(stem_digest: str, settings: TrainerSettings, views: int, labels: example_reading.Labels) -> str:
    what = {
        "format": _FORMAT,
        "code": code_digest.of(*_CODE),
        "backbone": settings.backbone,
        "stem": stem_digest,
        "image_size": settings.image_size,
        "views": views,
        # Views beyond the mirror image depend on what varies and on the seed.
        "augmentation": settings.augmentation.model_dump() if views > 1 else None,
        "seed": _seed_of_views(settings) if views > 2 else None,
        "examples": hashlib.sha256(labels.sha256.data).hexdigest(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]


def _seed_of_views(settings: TrainerSettings) -> int:
    return settings.seed if settings.views_seed is None else settings.views_seed


def _require_space(directory: str, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if needed + _SPARE_BYTES > free:
        raise BadInput(
            f"{directory}: the features need {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free. Free some space, choose "
            "another workdir, lower trainer.views or trainer.image_size, or set trainer.feature_cache to false (every epoch then "
            "decodes the images and computes frozen layers again)."
        )


def _forget_old_caches(directory: str, keep: Sequence[str]) -> None:
    """Removes all but the most recently used caches, and what an interrupted run left behind; nothing that somebody holds."""
    for name in os.listdir(directory):
        if name.endswith(_UNFINISHED):
            _remove_unless_held(os.path.join(directory, name))
    files = [os.path.join(directory, name) for name in os.listdir(directory) if name.endswith(".npy")]
    by_age = sorted((path for path in files if path not in keep), key=_used_at, reverse=True)
    for path in by_age[max(0, _KEPT_CACHES - len(keep)) :]:
        if _remove_unless_held(path):
            logging.info("Removed the features in %s, which %d newer ones replaced.", path, _KEPT_CACHES)


def _used_at(path: str) -> float:
    with contextlib.suppress(FileNotFoundError):
        return os.path.getmtime(path)
    return 0.0


def _remove_unless_held(path: str) -> bool:
    with contextlib.suppress(FileNotFoundError), open(path, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Held, or on a file system without locks, where nobody can tell.
            return False
        if _is_still(file, path):
            os.remove(path)
            return True
    return False


def _is_still(file: BinaryIO, path: str) -> bool:
    """Whether an open file is the one of that name, and was not removed before it was locked."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    return False


class Hold:
    """A lock on a file against its removal, which lasts until it is closed or nobody has it any more."""

    def __init__(self, file: BinaryIO):
        self._file = file

    def close(self) -> None:
        self._file.close()

    def __del__(self) -> None:
        self.close()


def _hold(path: str) -> Hold | None:
    """Locks a file against removal; None where there is none, or it was removed meanwhile."""
    try:
        file = open(path, "rb")  # noqa: SIM115  held while the features are used
    except FileNotFoundError:
        return None
    _lock(file, fcntl.LOCK_SH)
    if not _is_still(file, path):
        file.close()
        return None
    return Hold(file)


def _lock(file: BinaryIO, kind: int) -> None:
    # A file system without locks lets nobody remove anything either.
    with contextlib.suppress(OSError):
        fcntl.flock(file, kind)


def _publish(unfinished: str, path: str) -> None:
    """Gives a finished file its name, unless another process was first; never replaces one that may be read."""
    try:
        os.link(unfinished, path)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
            raise
        # No hard links there. Two that finish in the same moment have computed the same.
        if not os.path.exists(path):
            os.rename(unfinished, path)
            return
    os.remove(unfinished)


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
    handle, unfinished = tempfile.mkstemp(_UNFINISHED, f"{os.path.basename(path)}.", os.path.dirname(path))
    with open(handle, "r+b") as held:
        _lock(held, fcntl.LOCK_EX)
        try:
            _fill(unfinished, stem, settings, source)
            _publish(unfinished, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.remove(unfinished)
            raise


def _fill(path: str, stem: keras.Model | None, settings: TrainerSettings, source: Source) -> None:
    wanted, labels, views = _array(stem, settings, source), source.labels, source.views
    logging.info("Computing %d view(s) of %d images once: %.2f GB in %s", views, len(labels), wanted.nbytes / 1e9, path)

    random_views = augmentation.augmenter(settings.augmentation, _seed_of_views(settings))
    forward = None if stem is None else tf.function(lambda images: tf.cast(stem(images, training=False), tf.float16))
    array = np.lib.format.open_memmap(path, mode="w+", dtype=wanted.dtype, shape=wanted.shape)
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


def _path(directory: str, stem_digest: str, settings: TrainerSettings, source: Source) -> str:
    return os.path.join(directory, f"{_key(stem_digest, settings, source.views, source.labels)}.npy")


def find(directory: str, stem_digest: str, settings: TrainerSettings, source: Source) -> CachedSplit | None:
    """Returns the features of a split where they are on disk already; None where they are not.

    Args:
        directory: where caches are kept.
        stem_digest: what the features depend on beside the images (`AgeNetwork.stem_digest`).
        settings: the `trainer` section.
        source: the split.
    """
    path = _path(directory, stem_digest, settings, source)
    held = _hold(path)
    if held is None:
        return None
    return CachedSplit(np.load(path, mmap_mode="r"), source.labels.ages, computed=False, seconds=0.0, held=held)


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
    paths = [_path(directory, stem_digest, settings, source) for source in sources]
    held = {path: file for path in paths if (file := _hold(path))}
    _forget_old_caches(directory, keep=paths)
    missing = {path: source for path, source in zip(paths, sources) if path not in held}
    if missing:
        _require_space(directory, sum(_array(stem, settings, source).nbytes for source in missing.values()))
    splits = []
    for path, source in zip(paths, sources):
        started = time.monotonic()
        while path not in held:
            _compute(path, stem, settings, source)
            if file := _hold(path):
                held[path] = file
        with contextlib.suppress(PermissionError):
            os.utime(path)
        splits.append(
            CachedSplit(
                features=np.load(path, mmap_mode="r"),
                ages=source.labels.ages,
                computed=path in missing,
                seconds=time.monotonic() - started,
                held=held[path],
            )
        )
    return splits

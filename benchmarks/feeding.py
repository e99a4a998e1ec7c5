"""Whether reading the feature cache back slows the training of what is above it."""

import os
import statistics
import time
from collections.abc import Iterator

import numpy as np

_COUNT, _VIEWS, _BATCH, _IMAGE_SIZE = 2000, 4, 64, 128
_STEPS = 16


def _epoch(batches) -> float:
    """Returns the samples per second of one pass."""
    started = time.perf_counter()
    for _ in batches:
        pass
    return _COUNT / (time.perf_counter() - started)


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields samples per second read back from a cache of ResNet50 features at 128 pixels, and trained from it.

    The cache holds random numbers: what is in it makes no difference to reading it. The tail is conv5 and the head, trained
    once from the cache and once from a single batch held in memory.
    """
    import keras
    import tensorflow as tf

    from age.model import datasets, feature_cache, feeding, network, objective
    from age.model.settings import TrainerSettings

    settings = TrainerSettings(weights="none", freeze_through="conv4_block6_out", image_size=_IMAGE_SIZE)
    tail = network.build(settings, network.TrainingAges.of(np.array([13.0, 33.0, 53.0]))).tail
    shape = tuple(tail.input.shape[1:])
    path = os.path.join(scratch, "features.npy")
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(_COUNT, _VIEWS, *shape))
    array[:] = np.random.default_rng(0).random(shape, dtype=np.float32)
    array.flush()
    split = feature_cache.CachedSplit(
        features=np.load(path, mmap_mode="r"), ages=np.zeros(_COUNT, np.float32), computed=False, seconds=0.0
    )
    batches = feeding.training_batches(split, _BATCH, seed=0)
    _epoch(batches)
    yield f"read back: {', '.join(f'{_epoch(batches):.0f}' for _ in range(repeats))} samples/s"

    tail.compile(optimizer=keras.optimizers.AdamW(1e-3), loss=objective.loss(settings, np.array([33.0])), jit_compile=False)
    held = datasets.untuned(tf.data.Dataset.from_tensors(next(iter(batches))).repeat(_STEPS))
    from_cache = batches.take(_STEPS)
    tail.fit(held, verbose=0)

    def rate(dataset) -> float:
        started = time.perf_counter()
        tail.fit(dataset, verbose=0)
        return _STEPS * _BATCH / (time.perf_counter() - started)

    rate(from_cache)
    ratios = []
    for _ in range(repeats):
        memory, cache = rate(held), rate(from_cache)
        ratios.append(cache / memory)
        yield f"trained: {memory:.0f} samples/s from memory, {cache:.0f} from the cache, ratio {ratios[-1]:.2f}"
    yield f"median: trained from the cache at {statistics.median(ratios):.2f} of the rate from memory"

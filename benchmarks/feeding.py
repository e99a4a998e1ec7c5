"""Whether reading the feature cache back slows the training of what is above it, and how long training waits for it."""

import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

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

    The tail is conv5 and the head.
    """
    from age.model.settings import TrainerSettings

    settings = TrainerSettings(weights="none", freeze_through="conv4_block6_out", image_size=_IMAGE_SIZE, precision="float32")
    yield from trained(settings, scratch, repeats, alone=True)


def trained(settings: Any, scratch: str, repeats: int, alone: bool = False) -> Iterator[str]:
    """Yields samples per second of training what is above the frozen layers, and the share of the time in which it waits.

    The cache holds random numbers: what is in it makes no difference to reading it. The tail is trained once from the cache and once
    from a single batch held in memory.

    Args:
        settings: the `trainer` section.
        scratch: where the cache goes.
        repeats: how often each side runs.
        alone: whether reading without training is measured too.
    """
    import tensorflow as tf

    from age.model import datasets, feature_cache, feeding, network, objective, optimizer, precision

    ages = np.array([13.0, 33.0, 53.0])
    net = network.build(settings, network.TrainingAges.of(ages))
    if net.stem is None:
        yield "nothing is frozen: no features to train from"
        return
    tail, shape = net.tail, tuple(net.tail.input.shape[1:])
    path = os.path.join(scratch, "features.npy")
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(_COUNT, _VIEWS, *shape))
    array[:] = np.random.default_rng(0).random(shape, dtype=np.float32)
    array.flush()
    split = feature_cache.CachedSplit(
        features=np.load(path, mmap_mode="r"), ages=np.zeros(_COUNT, np.float32), computed=False, seconds=0.0
    )
    batches = feeding.training_batches(split, _BATCH, seed=0)
    _epoch(batches)
    if alone:
        yield f"read back: {', '.join(f'{_epoch(batches):.0f}' for _ in range(repeats))} samples/s"

    policy = precision.chosen(settings.precision, net.backbone)
    with precision.computing_in(policy, net.backbone):
        tail.compile(
            optimizer=precision.scaled(optimizer.optimizer(settings, 1000, net.new_variables), policy),
            loss=objective.loss(settings, ages),
            jit_compile=False,
        )
        held = datasets.untuned(tf.data.Dataset.from_tensors(next(iter(batches))).repeat(_STEPS))
        from_cache = batches.take(_STEPS)
        tail.fit(held, verbose=0)

        def rate(dataset: tf.data.Dataset) -> float:
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
        shares = [waiting(tail, from_cache) for _ in range(repeats)]
        yield f"waiting for the cache: {', '.join(f'{100 * share:.1f}' for share in shares)} % of the time of training"


def waiting(model: Any, batches: Any) -> float:
    """Returns the share of the time of training that is spent waiting for the next batch.

    Args:
        model: compiled, and trained for a step before.
        batches: the training's.
    """
    waited, began = 0.0, time.perf_counter()
    waiting_since = began
    for features, ages in batches:
        waited += time.perf_counter() - waiting_since
        model.train_on_batch(features, ages)
        waiting_since = time.perf_counter()
    return waited / (time.perf_counter() - began)

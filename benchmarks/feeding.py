"""How fast the feature cache is read back."""

import os
import time
from typing import Iterator

import numpy as np

_COUNT, _VIEWS, _SHAPE, _BATCH = 2000, 4, (4, 4, 1024), 64


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields samples per second of an epoch over a cache of ResNet50 features at 128 pixels, beside nothing else.

    The cache holds random numbers: what is in it makes no difference to reading it.
    """
    from components.trainer import feature_cache, feeding

    path = os.path.join(scratch, "features.npy")
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(_COUNT, _VIEWS, *_SHAPE))
    array[:] = np.random.default_rng(0).random(_SHAPE, dtype=np.float32)
    array.flush()
    split = feature_cache.CachedSplit(
        features=np.load(path, mmap_mode="r"), ages=np.zeros(_COUNT, np.float32), computed=False, seconds=0.0
    )
    batches = feeding.training_batches(split, _BATCH, seed=0)
    for _ in batches:
        pass
    for _ in range(repeats):
        started = time.perf_counter()
        for _ in batches:
            pass
        yield f"{_COUNT / (time.perf_counter() - started):.0f} samples/s"

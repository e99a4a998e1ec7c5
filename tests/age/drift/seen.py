"""What a model might see in photographs of people of several ages."""

import numpy as np

from age.drift.seen_photographs import PROJECTED, SeenPhotographs


def photographs(count: int, seed: int, older: float = 0.0, brighter: float = 0.0, labelled: bool = True) -> SeenPhotographs:
    """Draws `count` photographs: features that tell the age and the light, and noise."""
    random = np.random.default_rng(seed)
    ages = np.clip(random.normal(40 + older, 18, count), 0, 110).astype(np.float32)
    light = np.clip(random.normal(0.5 + brighter, 0.1, count), 0, 1).astype(np.float32)
    directions = np.random.default_rng(99).normal(size=(2, PROJECTED))
    features = np.column_stack([ages / 18, light / 0.1]) @ directions + random.normal(0, 1, (count, PROJECTED))
    return SeenPhotographs(
        features=features.astype(np.float32),
        predicted_ages=(ages + random.normal(0, 5, count)).astype(np.float32),
        brightness=light,
        widths=np.full(count, 200, np.int32),
        heights=np.full(count, 200, np.int32),
        real_ages=ages if labelled else np.full(count, np.nan, np.float32),
    )

"""What a model sees in photographs, and what they are like: all that is compared when drift is looked for."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from age.serving import predictor
from age.serving.predictor import ReadPhotograph
from schemas.age_schema import Limits

SIGNATURE = "features"
"""The signature of an exported model that tells the features; it takes `image_bytes` and gives `age` and `features`."""

INPUT = "image_bytes"
AGE_OUTPUT, FEATURES_OUTPUT = "age", "features"

PROJECTED = 128
"""Dimensions that features are projected to, so that a reference of 500 photographs stays at a quarter of a megabyte."""

_SEED = 20
_NO_LIMITS = Limits(min_age=0, max_age=0, min_side=1, max_side=1 << 30)

_Item = TypeVar("_Item")

See = Callable[..., Mapping[str, Any]]
"""A signature: string tensor `[n]` of files to tensors `age` `[n]` and `features` `[n, d]`."""


@dataclasses.dataclass(frozen=True)
class SeenPhotographs:
    """What was seen in `n` photographs, in one order.

    Attributes:
        features: float32 `[n, PROJECTED]`, the model's penultimate features, projected.
        predicted_ages: float32 `[n]`, years.
        brightness: float32 `[n]`, mean of all pixels, 0 to 1.
        widths: int32 `[n]`, pixels, upright.
        heights: int32 `[n]`, likewise.
        real_ages: float32 `[n]`, years, as labels say; NaN where none does.
    """

    features: npt.NDArray[np.float32]
    predicted_ages: npt.NDArray[np.float32]
    brightness: npt.NDArray[np.float32]
    widths: npt.NDArray[np.int32]
    heights: npt.NDArray[np.int32]
    real_ages: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.predicted_ages)

    def take(self, places: npt.NDArray[np.intp]) -> "SeenPhotographs":
        """Returns those at some places."""
        return SeenPhotographs(**{name: column[places] for name, column in vars(self).items()})


def projected(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Projects features at random, always in the same way, which keeps distances (Johnson and Lindenstrauss, 1984).

    Args:
        features: float32 `[n, d]`.

    Returns:
        float32 `[n, PROJECTED]`.
    """
    # RandomState, because its numbers are promised to stay the same in later versions of NumPy.
    matrix = np.random.RandomState(_SEED).standard_normal((features.shape[1], PROJECTED)) / np.sqrt(PROJECTED)
    projection: npt.NDArray[np.float32] = (features @ matrix.astype(np.float32)).astype(np.float32)
    return projection


def look(
    see: See,
    photographs: Iterable[tuple[_Item, ReadPhotograph]],
    real_age: Callable[[_Item], float],
    done: Callable[[int], None] = lambda count: None,
) -> tuple[SeenPhotographs, list[tuple[_Item, str]]]:
    """Shows photographs to a model.

    Args:
        see: the model's signature.
        photographs: items with what was read of each.
        real_age: returns what the label of an item says, years; NaN for nothing.
        done: is told from time to time how many were seen.

    Returns:
        What was seen in those that can be read, and the others with the reason.
    """
    import tensorflow as tf

    from age.dataset import image_checks

    columns: dict[str, list[Any]] = {field.name: [] for field in dataclasses.fields(SeenPhotographs)}
    unread: list[tuple[_Item, str]] = []

    def readable() -> Iterable[tuple[tuple[_Item, image_checks.Measurements], ReadPhotograph]]:
        for item, one in photographs:
            if one.error:
                unread.append((item, one.error))
                continue
            try:
                yield (item, image_checks.measure(one.encoded, _NO_LIMITS)), one
            except image_checks.UnusableImage as error:
                unread.append((item, str(error)))

    for batch in predictor.batched(readable()):
        answers = see(**{INPUT: tf.constant([one.encoded for _, one in batch])})
        columns["features"].append(projected(answers[FEATURES_OUTPUT].numpy()))
        columns["predicted_ages"].append(answers[AGE_OUTPUT].numpy())
        for (item, measured), _ in batch:
            columns["brightness"].append(measured.brightness)
            columns["widths"].append(measured.width)
            columns["heights"].append(measured.height)
            columns["real_ages"].append(real_age(item))
        done(len(columns["brightness"]))
    seen = SeenPhotographs(
        features=np.concatenate([np.zeros((0, PROJECTED), np.float32), *columns["features"]]),
        predicted_ages=np.concatenate([np.zeros(0, np.float32), *columns["predicted_ages"]]),
        brightness=np.array(columns["brightness"], np.float32),
        widths=np.array(columns["widths"], np.int32),
        heights=np.array(columns["heights"], np.int32),
        real_ages=np.array(columns["real_ages"], np.float32),
    )
    return seen, unread

"""Shows the exported model photographs of the validation split, for later ones to be compared with."""

from collections.abc import Iterator

import tensorflow as tf

from age.drift import reference, seen_photographs
from age.model import example_reading
from age.model.export import AgeServing
from age.serving import predictor
from age.serving.predictor import ReadPhotograph
from schemas import features


def write(directory: str, exported: AgeServing, validation: example_reading.Split) -> None:
    """Writes what the model sees in validation photographs beside it.

    These are the first in the order of their hashes, and so random ones and the same in every run.

    Args:
        directory: of the SavedModel.
        exported: the model, with its signature for features.
        validation: the split.
    """
    seen, _ = seen_photographs.look(exported.serve_features, _photographs(validation), lambda real_age: real_age)
    reference.write(directory, seen)


def _photographs(split: example_reading.Split) -> Iterator[tuple[float, ReadPhotograph]]:
    """Yields the real age and the bytes of some photographs."""
    for place, record in enumerate(example_reading.records(split.file_patterns).as_numpy_iterator()):
        if split.labels.rank[place] < reference.MOST:
            example = tf.train.Example.FromString(record).features.feature
            encoded = example[features.IMAGE_ENCODED].bytes_list.value[0]
            yield example[features.AGE].float_list.value[0], predictor.loaded(encoded, bytes, None)

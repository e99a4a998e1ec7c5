"""Measures how faces lie in the images of examples that were written."""

import itertools
from collections.abc import Iterator

from age.faces import measured_framing
from age.faces.detection import FaceDetector
from age.faces.framing import Framing
from schemas import features

_SAMPLE = 500


def measure(file_pattern: str, detector: FaceDetector) -> Framing | None:
    """Returns the framing of a split by its first 500 images: they lie in the order of their hashes, which is a random one.

    Args:
        file_pattern: the TFRecord files of the split.
        detector: finds faces.

    Returns:
        The framing; None where too few faces were found to tell.
    """
    return measured_framing.measure(itertools.islice(_images(file_pattern), _SAMPLE), detector)


def _images(file_pattern: str) -> Iterator[bytes]:
    import tensorflow as tf

    files = sorted(tf.io.gfile.glob(file_pattern))
    for record in tf.data.TFRecordDataset(files).as_numpy_iterator():
        example = tf.train.Example.FromString(record)
        yield example.features.feature[features.IMAGE_ENCODED].bytes_list.value[0]

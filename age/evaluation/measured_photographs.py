"""Keeps a few photographs of the test split beside the evaluation, for whoever asks the exported model for them again.

On Kubeflow a step that needed all examples for them would be given a copy of the whole data set.
"""

from age import storage
from age.evaluation import predictions_file
from age.serving.canary import Measured
from schemas import features

PHOTOGRAPHS_FILE = "photographs.tfrecord"
"""tf.Examples as FaceExampleGen wrote them."""


def keep(examples: str, evaluation: str, count: int) -> None:
    """Copies the first photographs of the test split beside the evaluation. Files go by the hash, so that they are random ones.

    Args:
        examples: the Examples artifact's directory, TFRecords of tf.Examples by split.
        evaluation: directory of the evaluation.
        count: how many, or all where there are fewer.

    Raises:
        OSError: a file can't be read or written.
    """
    import tensorflow as tf

    directory, kept = storage.join(examples, f"Split-{features.TEST}"), 0
    with tf.io.TFRecordWriter(storage.join(evaluation, PHOTOGRAPHS_FILE)) as writer:
        for name in storage.list_directory(directory):
            compression = "GZIP" if name.endswith(".gz") else ""
            records = tf.data.TFRecordDataset(storage.join(directory, name), compression_type=compression)
            for record in records.take(count - kept).as_numpy_iterator():
                writer.write(record)
                kept += 1
            if kept >= count:
                break


def read(evaluation: str) -> list[Measured]:
    """Returns the photographs that were kept, with the ages that the candidate answered.

    Args:
        evaluation: directory of the evaluation, with the predictions.

    Raises:
        OSError: a file can't be read.
        ValueError: none of them was measured.
    """
    import tensorflow as tf

    encoded: dict[str, bytes] = {}
    for record in tf.data.TFRecordDataset(storage.join(evaluation, PHOTOGRAPHS_FILE)).as_numpy_iterator():
        example = tf.train.Example.FromString(record).features.feature
        sha256 = example[features.IMAGE_SHA256].bytes_list.value[0].decode("ascii")
        encoded[sha256] = example[features.IMAGE_ENCODED].bytes_list.value[0]
    predictions = storage.join(evaluation, predictions_file.PREDICTIONS_FILE)
    found = [
        Measured(encoded[row.sha256], row.predicted_age) for row in predictions_file.rows(predictions) if row.sha256 in encoded
    ]
    if not found:
        raise ValueError(f"{predictions}: none of the photographs in {PHOTOGRAPHS_FILE} was measured.")
    return found

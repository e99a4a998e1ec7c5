"""Brings photographs of the test split together with what a model answered for them when it was evaluated."""

from age import storage
from age.evaluation import predictions_file
from age.serving.canary import Measured
from schemas import features


def _photographs(examples: str, count: int) -> dict[str, bytes]:
    """Returns the first photographs of the test split by their hashes. Files go by the hash, so that they are random ones."""
    import tensorflow as tf

    found: dict[str, bytes] = {}
    directory = storage.join(examples, f"Split-{features.TEST}")
    for name in storage.list_directory(directory):
        compression = "GZIP" if name.endswith(".gz") else ""
        records = tf.data.TFRecordDataset(storage.join(directory, name), compression_type=compression)
        for record in records.take(count - len(found)).as_numpy_iterator():
            example = tf.train.Example.FromString(record).features.feature
            sha256 = example[features.IMAGE_SHA256].bytes_list.value[0].decode("ascii")
            found[sha256] = example[features.IMAGE_ENCODED].bytes_list.value[0]
        if len(found) >= count:
            break
    return found


def read(examples: str, evaluation: str, count: int) -> list[Measured]:
    """Returns photographs of the test split with the ages that the candidate answered.

    Args:
        examples: the Examples artifact's directory, TFRecords of tf.Examples by split.
        evaluation: directory of the evaluation, with the predictions.
        count: how many, or all where there are fewer.

    Raises:
        OSError: a file can't be read.
        ValueError: none of them was measured.
    """
    encoded = _photographs(examples, count)
    predictions = storage.join(evaluation, predictions_file.PREDICTIONS_FILE)
    found = [
        Measured(encoded[row.sha256], row.predicted_age) for row in predictions_file.rows(predictions) if row.sha256 in encoded
    ]
    if not found:
        raise ValueError(f"{predictions}: none of the photographs in {examples} was measured.")
    return found

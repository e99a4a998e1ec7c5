"""Batches of TFMA's extracts become one sorted file, however many parts it is written in."""

import hashlib

import apache_beam as beam
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from age.evaluation import predictions_writer

HASHES = [hashlib.sha256(bytes([number])).hexdigest() for number in range(100)]


def extracts(numbers, with_baseline):
    def column(values, kind):
        return np.array(values, dtype=kind).reshape(-1, 1)

    predicted = np.array([number + 0.5 for number in numbers], dtype=np.float32)
    return {
        "predictions": {"candidate": predicted, "baseline": predicted - 90} if with_baseline else predicted,
        "features": {
            "image/filename": column([f"{number}, é.jpg".encode() for number in numbers], object),
            "image/sha256": column([HASHES[number].encode() for number in numbers], object),
            "age": column(numbers, np.float32),
            "gender": column([b"female" if number % 2 else b"" for number in numbers], object),
        },
    }


def write(directory, pictures, with_baseline=False, parts_seen=None):
    with predictions_writer.writing_predictions(str(directory), ["gender"], pictures, with_champion=with_baseline):
        destination = predictions_writer.destination()
        with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
            batches = [extracts(range(start, min(start + 16, 100)), with_baseline) for start in range(0, 100, 16)]
            _ = pipeline | beam.Create(batches) | predictions_writer.WritePredictions(destination)
        if parts_seen is not None:
            parts_seen.extend(directory.iterdir())
    return pd.read_csv(directory / "predictions.csv", keep_default_na=False)


@pytest.mark.parametrize("pictures, parts", [(0, 1), (100, 1), (300_000, 6)])
def test_rows_come_in_the_order_of_their_hashes_whatever_the_number_of_parts(tmp_path, pictures, parts):
    parts_seen = []

    table = write(tmp_path, pictures, parts_seen=parts_seen)

    assert len(parts_seen) == parts
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]
    assert list(table.columns) == ["file_name", "sha256", "real_age", "predicted_age", "gender"]
    assert list(table["sha256"]) == sorted(HASHES)
    numbers = table["real_age"].astype(int)
    assert [HASHES[number] for number in numbers] == list(table["sha256"])
    assert (table["predicted_age"] == table["real_age"] + 0.5).all()
    assert list(table["file_name"]) == [f"{number}, é.jpg" for number in numbers]
    assert list(table["gender"]) == ["female" if number % 2 else "" for number in numbers]


def test_with_a_baseline_both_models_answers_are_written_side_by_side(tmp_path):
    table = write(tmp_path, 100, with_baseline=True)

    assert list(table.columns)[-2:] == ["gender", "champion_age"]
    assert (table["predicted_age"] == table["real_age"] + 0.5).all()
    assert (table["champion_age"] == table["real_age"] - 89.5).all()


class Doubling(tf.Module):
    """A model that answers with twice the number that it is given."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, examples):
        return {"age": 2 * tf.strings.to_number(examples)}


def test_one_more_model_is_asked_for_each_serialized_example(tmp_path):
    module = Doubling()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_examples": module.serve})
    batches = [
        {**extracts(numbers, True), "input": np.array([str(number).encode() for number in numbers], dtype=object)}
        for numbers in (range(60), range(60, 100))
    ]

    with predictions_writer.writing_predictions(
        str(tmp_path), ["gender"], 100, with_champion=True, best_model=str(tmp_path / "model")
    ):
        destination = predictions_writer.destination()
        with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
            _ = pipeline | beam.Create(batches) | predictions_writer.WritePredictions(destination)

    table = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)
    assert list(table.columns)[-2:] == ["champion_age", "best_version_age"]
    assert len(table) == 100 and (table["best_version_age"] == 2 * table["real_age"]).all()


def test_intervals_are_written_beside_the_age_and_come_from_the_candidate(tmp_path):
    def answered(numbers):
        batch = extracts(numbers, with_baseline=True)
        age = batch["predictions"]["candidate"]
        batch["predictions"]["candidate"] = {"age": age, "age_low": age - 5, "age_high": age + 7}
        return batch

    with predictions_writer.writing_predictions(str(tmp_path), ["gender"], 100, with_champion=True, with_intervals=True):
        destination = predictions_writer.destination()
        with beam.Pipeline(options=PipelineOptions(["--runner=DirectRunner"])) as pipeline:
            _ = pipeline | beam.Create([answered(range(100))]) | predictions_writer.WritePredictions(destination)
    table = pd.read_csv(tmp_path / "predictions.csv", keep_default_na=False)

    assert list(table.columns)[3:] == ["predicted_age", "age_low", "age_high", "gender", "champion_age"]
    assert (table["age_low"] == table["real_age"] - 4.5).all() and (table["age_high"] == table["real_age"] + 7.5).all()
    assert (table["champion_age"] == table["real_age"] - 89.5).all()


def test_outside_of_an_evaluation_there_is_no_destination(tmp_path):
    assert predictions_writer.destination() is None
    with pytest.raises(RuntimeError), predictions_writer.writing_predictions(str(tmp_path), [], 1):
        raise RuntimeError("the evaluation failed")
    assert predictions_writer.destination() is None
    assert list(tmp_path.iterdir()) == []

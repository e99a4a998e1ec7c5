"""The measurements measure what they say: both sides of a comparison do the same work."""

import csv
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from benchmarks import ingestion, memory

_ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path):
    """Twelve pictures, one of them twice, one missing and one with an age that is none."""
    directory = tmp_path / "data"
    (directory / "images").mkdir(parents=True)
    rows = []
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 256, size=(40, 40, 3)).astype("uint8")
        Image.fromarray(pixels).save(directory / "images" / f"{number}.jpg")
        rows.append((f"{number}.jpg", 20 + number, "female"))
    (directory / "images" / "again.jpg").write_bytes((directory / "images" / "3.jpg").read_bytes())
    rows += [("again.jpg", 23, "female"), ("missing.jpg", 30, "male"), ("1.jpg", "old", "male")]
    with open(directory / "labels.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file_name", "real_age", "gender"), *rows])
    return directory


def records(*paths):
    return sorted(record for path in paths for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def test_bare_loop_writes_the_examples_that_beam_writes(data, tmp_path):
    counts = ingestion.ingest(str(data), str(tmp_path / "beam"))
    ingestion.bare_loop(str(data), str(tmp_path / "bare.tfrecord"))

    assert (counts["rows"], counts["used"], counts["rejected"], counts["duplicates"]) == (15, 12, 2, 1)
    assert records(*(tmp_path / "beam").glob("*/data_tfrecord*")) == records(tmp_path / "bare.tfrecord")


def test_a_repeated_data_set_has_new_pictures_only(data, tmp_path):
    os.makedirs(tmp_path / "many")
    many = memory.repeated(str(data), str(tmp_path / "many" / "set"), 3)

    counts = ingestion.ingest(many, str(tmp_path / "out"))

    # The picture that occurs twice has other bytes in each of its six copies; what can't be used is repeated as it is.
    assert (counts["rows"], counts["used"], counts["rejected"], counts["duplicates"]) == (45, 39, 6, 0)


def test_peak_memory_is_that_of_the_program_and_not_of_the_process_that_started_it():
    held = np.ones(400 << 20, np.uint8)
    command = "from benchmarks import memory; held = b'1' * (100 << 20); print(memory.peak_mib())"

    told = subprocess.run([sys.executable, "-c", command], check=True, capture_output=True, text=True, cwd=_ROOT)

    assert 100 < float(told.stdout) < 300 < held.nbytes >> 20

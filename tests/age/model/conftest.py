"""Small splits as TFRecord files, in the form that FaceExampleGen writes."""

import hashlib
import io
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from age.dataset import image_checks, ingestion, row_checks
from schemas.age_schema import Limits

LIMITS = Limits(min_age=0, max_age=116, min_side=16, max_side=8192)


def write_split(path: pathlib.Path, count: int, seed: int) -> str:
    """Writes pictures whose shade tells the age; returns the file pattern."""
    random = np.random.default_rng(seed)
    path.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path / "data_tfrecord-00000-of-00001")) as writer:
        for number in range(count):
            age = float(random.integers(1, 91))
            shade = np.array([40 + 2.2 * age, 120 - age, 230 - 2.2 * age])
            pixels = np.clip(shade + random.normal(0, 20, size=(32, 32, 3)), 0, 255).astype("uint8")
            encoded = io.BytesIO()
            Image.fromarray(pixels).save(encoded, "PNG")
            data = encoded.getvalue()
            candidate = row_checks.Candidate(
                line=number + 2,
                file_name=f"{number}.png",
                age_text=str(age),
                age=age,
                attributes=(),
                sha256=hashlib.sha256(data).hexdigest(),
            )
            writer.write(ingestion.to_example(candidate, data, image_checks.measure(data, LIMITS), []))
    return str(path / "*")


@pytest.fixture(scope="session")
def train_files(tmp_path_factory):
    return [write_split(tmp_path_factory.mktemp("train") / "split", count=70, seed=0)]


@pytest.fixture(scope="session")
def validation_files(tmp_path_factory):
    return [write_split(tmp_path_factory.mktemp("validation") / "split", count=21, seed=1)]

"""Warm-up requests are what TensorFlow Serving's documentation says, and no part of the model's identity."""

import io
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2

from age.serving import warmup_requests
from age.serving.model_digest import content_digest


@pytest.fixture
def model(model) -> str:
    written = model("a")
    warmup_requests.write(written, image_size=48)
    return written


def test_they_are_prediction_logs_for_the_byte_signature(model):
    path = pathlib.Path(model) / "assets.extra" / "tf_serving_warmup_requests"
    logs = [prediction_log_pb2.PredictionLog.FromString(one.numpy()) for one in tf.data.TFRecordDataset(str(path))]

    requests = [log.predict_log.request for log in logs]
    assert [log.WhichOneof("log_type") for log in logs] == ["predict_log"] * 2
    assert {(one.model_spec.name, one.model_spec.signature_name) for one in requests} == {("age", "serving_default")}
    assert [tf.make_ndarray(one.inputs["image_bytes"]).shape for one in requests] == [(1,), (32,)]


def test_their_pictures_are_computed_and_of_the_networks_size(model):
    one, many = warmup_requests.read(model)

    assert one[0] == many[0] and len(set(many)) == 8
    pixels = np.asarray(Image.open(io.BytesIO(one[0])), dtype=float)
    assert pixels.shape == (48, 48, 3)
    # A gradient from left to right and one from top to bottom: JPEG keeps them within a few levels.
    assert np.abs(pixels[..., 0] - np.linspace(0, 255, 48)).max() < 25
    assert np.abs(pixels[..., 1] - np.linspace(0, 255, 48)[:, None]).max() < 25


def test_a_model_is_the_same_with_and_without_them(model):
    with_them = content_digest(model)
    pathlib.Path(warmup_requests.path_in(model)).unlink()

    assert content_digest(model) == with_them and warmup_requests.read(model) == []

"""Requests that TensorFlow Serving answers when it loads a model, before it takes any from outside.

They are `PredictionLog` messages in `assets.extra/tf_serving_warmup_requests`
(https://www.tensorflow.org/tfx/serving/saved_model_warmup). Their pictures are computed, and none is a photograph of anybody.
"""

import os

import numpy as np
import numpy.typing as npt

from age import storage
from age.serving.model_digest import EXTRA_ASSETS

WARMUP_FILE = "tf_serving_warmup_requests"

_MODEL_NAME, _SIGNATURE, _INPUT = "age", "serving_default", "image_bytes"
_SIZES = (1, 32)
"""Pictures in each request: one, and as many as the network runs on at a time."""


def path_in(model: str) -> str:
    """Returns where the requests of a model are."""
    return storage.join(model, EXTRA_ASSETS, WARMUP_FILE)


def _picture(size: int, number: int) -> npt.NDArray[np.uint8]:
    """Returns a picture uint8 `[size, size, 3]`: a gradient for each channel, each number another one."""
    ramp = np.linspace(0, 255, size, dtype=np.float32)
    red, green = np.meshgrid(ramp, ramp)
    blue = np.full_like(red, 255 * (number % 8) / 7)
    picture: npt.NDArray[np.uint8] = np.stack([red, green, blue], axis=-1).astype(np.uint8)
    return picture


def write(model: str, image_size: int) -> None:
    """Writes the requests into a SavedModel.

    Args:
        model: its directory.
        image_size: side of the pictures, pixels.
    """
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    storage.make_directory(os.path.join(model, EXTRA_ASSETS))
    with tf.io.TFRecordWriter(path_in(model)) as writer:
        for size in _SIZES:
            pictures = [tf.io.encode_jpeg(_picture(image_size, number)).numpy() for number in range(size)]
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = _MODEL_NAME, _SIGNATURE
            request.inputs[_INPUT].CopyFrom(tf.make_tensor_proto(pictures))
            writer.write(log.SerializeToString())


def read(model: str) -> list[list[bytes]]:
    """Returns the pictures of each request; nothing where a model has none.

    Raises:
        ValueError: what is there can't be read as such requests.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow_serving.apis import prediction_log_pb2

    if not storage.exists(path_in(model)):
        return []
    requests = []
    try:
        for record in tf.data.TFRecordDataset(path_in(model)).as_numpy_iterator():
            request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
            requests.append(list(tf.make_ndarray(request.inputs[_INPUT])))
    except (tf.errors.OpError, DecodeError, TypeError) as error:
        raise ValueError(f"{path_in(model)}: no warm-up requests: {error}") from error
    return requests

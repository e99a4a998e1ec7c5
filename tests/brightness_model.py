"""Exported models whose answers can be told beforehand: the age is how bright the photograph is, in per cent."""

import io
import pathlib

import numpy as np
from PIL import Image

SIDE = 16


def age_of(shade: int, offset: float = 0.0) -> float:
    """Returns what the model says of a photograph that is one shade of grey, 0 to 255."""
    return 100 * shade / 255 + offset


def grey(shade: int, side: int = SIDE, kind: str = "PNG") -> bytes:
    """Returns the bytes of a photograph that is one shade of grey."""
    file = io.BytesIO()
    Image.new("RGB", (side, side), (shade, shade, shade)).save(file, kind)
    return file.getvalue()


def write_greys(directory: pathlib.Path, count: int) -> list[pathlib.Path]:
    """Writes photographs of `count` different shades, and returns their paths in order."""
    directory.mkdir(parents=True, exist_ok=True)
    paths = [directory / f"{shade:04d}.png" for shade in range(count)]
    for shade, path in enumerate(paths):
        path.write_bytes(grey(shade % 256))
    return paths


def write_model(directory: pathlib.Path, offset: float = 0.0, tells_features: bool = False) -> str:
    """Exports a model as a run does; `offset` years tell one from another. Its features are the mean red, green and blue."""
    import keras

    from age.model import export

    inputs = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    answer = keras.layers.Dense(1)
    network = keras.Model(inputs, answer(pooled))
    answer.set_weights([np.full((3, 1), 100 / 255 / 3, "float32"), np.array([offset], "float32")])
    seeing = keras.Model(inputs, [network.output, pooled]) if tells_features else None
    export.export(network, SIDE, False, str(directory), provenance={"trainer": {"image_size": SIDE}}, seeing=seeing)
    return str(directory)


def write_model_with_interval(model: str, directory: pathlib.Path) -> str:
    """Exports a model that answers as another one does, and with five years below and above it as its interval."""
    import tensorflow as tf

    answering = tf.saved_model.load(model)

    class WithInterval(tf.Module):
        def __init__(self):
            super().__init__()
            self.answering = answering

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
        def serve(self, image_bytes):
            return self._around(self.answering.signatures["serving_default"](image_bytes=image_bytes)["age"])

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def evaluate(self, examples):
            return self._around(self.answering.signatures["serving_examples"](examples=examples)["age"])

        def _around(self, age):
            return {"age": age, "age_low": age - 5, "age_high": age + 5}

    module = WithInterval()
    signatures = {"serving_default": module.serve, "serving_examples": module.evaluate}
    tf.saved_model.save(module, str(directory), signatures=signatures)
    return str(directory)

"""A small exported model to be asked, and what it answers in this process."""

import io
import pathlib

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from age.model import export
from age.serving import canary

SIZE = 32


def photograph(number: int) -> bytes:
    written = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, size=(SIZE, SIZE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(written, "JPEG" if number % 2 else "PNG")
    return written.getvalue()


def exported(directory: pathlib.Path, seed: int) -> str:
    """Exports a network of random weights whose answers spread over some years."""
    keras.utils.set_random_seed(seed)
    images = keras.Input((SIZE, SIZE, 3))
    features = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, activation="relu")(images))
    network = keras.Model(images, 40 + keras.layers.Dense(1)(features))
    export.export(network, SIZE, False, str(directory), {})
    return str(directory)


def measured_by(model: str, count: int) -> list[canary.Measured]:
    """Returns so many photographs with what a model answers in this process."""
    module = tf.saved_model.load(model)
    photographs = [photograph(number) for number in range(count)]
    ages = module.signatures["serving_default"](image_bytes=tf.constant(photographs))["age"].numpy()
    return [canary.Measured(encoded, float(age)) for encoded, age in zip(photographs, ages)]

"""Exports the age network as a SavedModel that takes photographs."""

import json
import os

import keras
import tensorflow as tf

from age import bill_of_materials, image_decoding, storage
from age.serving import warmup_requests
from age.serving.model_digest import EXTRA_ASSETS, PROVENANCE_FILE
from schemas import features

AGE_OUTPUT = "age"
SERVING_IMAGES = "serving_default"
SERVING_EXAMPLES = "serving_examples"

_CHUNK = 32


class AgeServing(tf.Module):
    """The exported module: encoded images in, ages out.

    An image that can't be decoded is answered with NaN and leaves the others' answers alone. The network runs on at most
    32 images at a time, so that a request of any size needs bounded memory.

    Args:
        network: images `[n, s, s, 3]` (0 to 255) to ages `[n, 1]`.
        image_size: side `s`, pixels.
        mirror_averaging: answer with the mean for the image and its mirror image.
    """

    def __init__(self, network: keras.Model, image_size: int, mirror_averaging: bool):
        super().__init__(name="age_serving")
        self._network = network
        self._mirror_averaging = mirror_averaging
        self._variables = network.variables
        self._image_size = image_size

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve_images(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return {AGE_OUTPUT: self._ages(image_bytes)}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        wanted = {features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string)}
        return {AGE_OUTPUT: self._ages(tf.io.parse_example(examples, wanted)[features.IMAGE_ENCODED])}

    def _ages(self, encoded: tf.Tensor) -> tf.Tensor:
        count = tf.shape(encoded)[0]
        ages = tf.TensorArray(tf.float32, size=0, dynamic_size=True, infer_shape=False, element_shape=[None])
        number = tf.constant(0)
        while number * _CHUNK < count:
            images, readable = image_decoding.decode_batch(encoded[number * _CHUNK : (number + 1) * _CHUNK], self._image_size)
            predicted = self._predicted(tf.cast(images, tf.float32))
            ages = ages.write(number, tf.where(readable, predicted, float("nan")))
            number += 1
        return tf.reshape(tf.cond(count > 0, ages.concat, lambda: tf.zeros([0])), [-1])

    def _predicted(self, images: tf.Tensor) -> tf.Tensor:
        predicted = tf.reshape(self._network(images, training=False), [-1])
        if self._mirror_averaging:
            mirrored = self._network(images[:, :, ::-1, :], training=False)
            predicted = 0.5 * (predicted + tf.reshape(mirrored, [-1]))
        return predicted


def export(
    network: keras.Model, image_size: int, mirror_averaging: bool, directory: str, provenance: dict[str, object]
) -> None:
    """Writes the SavedModel with its two signatures, and beside it requests for a server to warm up with, and what it was made with.

    Args:
        network: images to ages.
        image_size: side of the network's input, pixels.
        mirror_averaging: answer with the mean for a photograph and its mirror image.
        directory: where to write; created.
        provenance: what the model was made from, written to `assets.extra/provenance.json`; the packages of this process's
            environment go to `assets.extra/sbom.cdx.json`.
    """
    module = AgeServing(network, image_size, mirror_averaging)
    tf.saved_model.save(
        module,
        directory,
        signatures={SERVING_IMAGES: module.serve_images, SERVING_EXAMPLES: module.serve_examples},
    )
    extra = os.path.join(directory, EXTRA_ASSETS)
    storage.make_directory(extra)
    warmup_requests.write(directory, image_size)
    storage.write_text(os.path.join(extra, PROVENANCE_FILE), json.dumps(provenance, indent=2, sort_keys=True) + "\n")
    storage.write_text(os.path.join(extra, bill_of_materials.BILL_FILE), bill_of_materials.of_this_environment())

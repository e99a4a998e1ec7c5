"""Exports the age network as a SavedModel that takes photographs."""

import json
import os
from collections.abc import Callable

import keras
import tensorflow as tf

from age import bill_of_materials, image_decoding, storage
from age.drift import seen_photographs
from age.model import age_distribution
from age.model.prediction_intervals import Intervals
from age.serving import warmup_requests
from age.serving.model_digest import EXTRA_ASSETS, PROVENANCE_FILE
from schemas import features

AGE_OUTPUT, LOW_OUTPUT, HIGH_OUTPUT = "age", "age_low", "age_high"
SERVING_IMAGES = "serving_default"
SERVING_EXAMPLES = "serving_examples"

_CHUNK = 32


class AgeServing(tf.Module):
    """The exported module: encoded images in, ages out; and the features that they are read from, where it is given what tells them.

    An image that can't be decoded is answered with NaN and leaves the others' answers alone. The network runs on at most
    32 images at a time, so that a request of any size needs bounded memory.

    Args:
        network: images `[n, s, s, 3]` (0 to 255) to ages `[n, 1]`, or with intervals to logits over years `[n, 121]`.
        image_size: side `s`, pixels.
        mirror_averaging: answer with the mean for the image and its mirror image.
        intervals: answer with an interval too; None for the age alone.
        seeing: images to ages `[n, 1]` and features `[n, d]`, with the network's own variables; None for a module that can't
            tell features.
    """

    def __init__(
        self,
        network: keras.Model,
        image_size: int,
        mirror_averaging: bool,
        intervals: Intervals | None = None,
        seeing: keras.Model | None = None,
    ):
        super().__init__(name="age_serving")
        pixels = [tf.TensorSpec([None, image_size, image_size, 3], tf.float32, name="images")]
        # Functions of their own, so that the network is in the file once however many signatures and mirror images ask it.
        self._network = tf.function(lambda images: network(images, training=False), pixels, autograph=False)
        if seeing:
            self._seeing = tf.function(
                lambda images: tf.concat([tf.cast(each, tf.float32) for each in seeing(images, training=False)], axis=1),
                pixels,
                autograph=False,
            )
            self._seen_width = sum(output.shape[-1] for output in seeing.outputs)
            photographs = [tf.TensorSpec([None], tf.string, name=seen_photographs.INPUT)]
            self.serve_features = tf.function(self._features, photographs)
        self._intervals = intervals
        self._outputs = (AGE_OUTPUT, LOW_OUTPUT, HIGH_OUTPUT) if intervals else (AGE_OUTPUT,)
        self._mirror_averaging = mirror_averaging
        self._variables = network.variables
        self._image_size = image_size

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve_images(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._answers(image_bytes)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        wanted = {features.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string)}
        return self._answers(tf.io.parse_example(examples, wanted)[features.IMAGE_ENCODED])

    def _features(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns ages `[n]`, and the features `[n, d]` that they are read from; NaN for an image that can't be decoded."""
        rows = self._rows(image_bytes, self._seen, self._seen_width)
        return {seen_photographs.AGE_OUTPUT: rows[:, 0], seen_photographs.FEATURES_OUTPUT: rows[:, 1:]}

    def _seen(self, images: tf.Tensor) -> tf.Tensor:
        return mirror_averaged(self._seeing, images, self._mirror_averaging)

    def _answers(self, encoded: tf.Tensor) -> dict[str, tf.Tensor]:
        columns = tf.unstack(self._rows(encoded, self._answered, len(self._outputs)), num=len(self._outputs), axis=1)
        return dict(zip(self._outputs, columns))

    def _rows(self, encoded: tf.Tensor, answered: Callable[[tf.Tensor], tf.Tensor], width: int) -> tf.Tensor:
        """Returns what is answered for each image, float32 `[n, width]`; NaN for an image that can't be decoded."""
        count = tf.shape(encoded)[0]
        rows = tf.TensorArray(tf.float32, size=0, dynamic_size=True, infer_shape=False, element_shape=[None, width])
        number = tf.constant(0)
        while number * _CHUNK < count:
            images, readable = image_decoding.decode_batch(encoded[number * _CHUNK : (number + 1) * _CHUNK], self._image_size)
            given = answered(tf.cast(images, tf.float32))
            rows = rows.write(number, tf.where(readable[:, None], given, float("nan")))
            number += 1
        return tf.reshape(tf.cond(count > 0, rows.concat, lambda: tf.zeros([0, width])), [-1, width])

    def _answered(self, images: tf.Tensor) -> tf.Tensor:
        if self._intervals is None:
            return mirror_averaged(self._network, images, self._mirror_averaging)
        probabilities = distributions(self._network, images, self._mirror_averaging)
        low, high = self._intervals.ends(probabilities)
        return tf.stack([tf.reduce_sum(probabilities * age_distribution.years(), axis=-1), low, high], axis=1)


def mirror_averaged(network: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, averaged: bool) -> tf.Tensor:
    """Returns what a network gives for images, or the mean of that and what it gives for their mirror images.

    Args:
        network: images `[n, s, s, 3]` to `[n, k]`.
        images: 0 to 255.
        averaged: whether it shall be the mean.
    """
    given = network(images)
    return 0.5 * (given + network(images[:, :, ::-1, :])) if averaged else given


def distributions(network: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor, mirror_averaging: bool) -> tf.Tensor:
    """Returns the probability of each year, float32 `[n, 121]`, as the exported model has it.

    Args:
        network: images to logits over years.
        images: `[n, s, s, 3]`, 0 to 255.
        mirror_averaging: the mean for the image and its mirror image.
    """
    return mirror_averaged(lambda seen: tf.nn.softmax(tf.cast(network(seen), tf.float32)), images, mirror_averaging)


def export(
    network: keras.Model,
    image_size: int,
    mirror_averaging: bool,
    directory: str,
    provenance: dict[str, object],
    intervals: Intervals | None = None,
    seeing: keras.Model | None = None,
) -> AgeServing:
    """Writes the SavedModel with its signatures, and beside it requests for a server to warm up with, and what it was made with.

    Args:
        network: images to ages, or with intervals to logits over years.
        image_size: side of the network's input, pixels.
        mirror_averaging: answer with the mean for a photograph and its mirror image.
        directory: where to write; created.
        provenance: what the model was made from, written to `assets.extra/provenance.json`; the packages of this process's
            environment go to `assets.extra/sbom.cdx.json`.
        intervals: the model answers with `age_low` and `age_high` too; None for the age alone.
        seeing: images to ages and features; None for a model without the signature that tells features.

    Returns:
        What was written, which answers as the SavedModel does.
    """
    module = AgeServing(network, image_size, mirror_averaging, intervals, seeing)
    signatures = {SERVING_IMAGES: module.serve_images, SERVING_EXAMPLES: module.serve_examples}
    if seeing:
        signatures[seen_photographs.SIGNATURE] = module.serve_features
    tf.saved_model.save(module, directory, signatures=signatures)
    extra = os.path.join(directory, EXTRA_ASSETS)
    storage.make_directory(extra)
    warmup_requests.write(directory, image_size)
    storage.write_text(os.path.join(extra, PROVENANCE_FILE), json.dumps(provenance, indent=2, sort_keys=True) + "\n")
    storage.write_text(os.path.join(extra, bill_of_materials.BILL_FILE), bill_of_materials.of_this_environment())
    return module

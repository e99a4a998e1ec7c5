"""The age network: frozen stem, trainable tail, and both joined for serving."""

import dataclasses
import hashlib
from typing import Optional

import keras

from components.trainer import backbone
from components.trainer.settings import TrainerSettings
from schemas.bad_input import BadInput


@dataclasses.dataclass(frozen=True)
class AgeNetwork:
    """A network in two parts that share its variables with the whole.

    Attributes:
        stem: frozen part, images `[n, s, s, 3]` (0 to 255) to features; None when nothing is frozen.
        tail: trained part, features (or images, when there is no stem) to ages `[n, 1]` in years.
        whole: images to ages.
    """

    stem: Optional[keras.Model]
    tail: keras.Model
    whole: keras.Model

    def stem_digest(self) -> str:
        """Returns a hash over the stem's structure and weights: what its features depend on."""
        digest = hashlib.sha256()
        if self.stem is not None:
            digest.update(self.stem.layers[-1].name.encode())
            for weight in self.stem.weights:
                digest.update(weight.path.encode())
                digest.update(weight.numpy().tobytes())
        return digest.hexdigest()


def _head(features, settings: TrainerSettings, mean_age: float, std_age: float):
    x = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    if settings.dense_units:
        x = keras.layers.Dense(settings.dense_units, activation="relu", name="dense")(x)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, seed=settings.seed, name="dropout")(x)
    x = keras.layers.Dense(1, name="standard_age")(x)
    # A linear output in standard deviations learns at the same rate whatever the spread of the ages.
    return keras.layers.Rescaling(scale=std_age, offset=mean_age, name="age")(x)


def build(settings: TrainerSettings, mean_age: float, std_age: float) -> AgeNetwork:
    """Builds the network.

    Args:
        settings: the `trainer` section.
        mean_age: mean of the training ages, years: what the untrained network answers.
        std_age: their standard deviation, years.

    Raises:
        BadInput: as `backbone.build`, and for a layer at which the network can't be cut.
    """
    freeze_through = backbone.resolve_freeze_through(settings.backbone, settings.freeze_through, settings.weights)
    network, cut = backbone.build(
        settings.backbone, settings.image_size, settings.weights, settings.weights_partial, freeze_through
    )
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = settings.batch_norm_momentum
    shape = (settings.image_size, settings.image_size, 3)
    images = keras.Input(shape, name="images")
    pixels = backbone.preprocess(images, settings.backbone)
    if cut is None:
        ages = _head(network(pixels), settings, mean_age, std_age)
        whole = keras.Model(images, ages, name="age_network")
        return AgeNetwork(stem=None, tail=whole, whole=whole)
    lower = keras.Model(network.input, cut, name="frozen_backbone")
    lower.trainable = False
    stem = keras.Model(images, lower(pixels, training=False), name="stem")
    features = keras.Input(cut.shape[1:], name="features")
    try:
        upper = keras.Model(cut, network.output, name="trained_backbone") if cut is not network.output else None
    except ValueError as error:
        raise BadInput(
            f"trainer.freeze_through: {freeze_through!r} does not cut the backbone in two: later layers also use what comes "
            f"before it. Name a layer that ends a block, such as {backbone.FAMILIES[settings.backbone].last_frozen!r}."
        ) from error
    tail = keras.Model(
        features,
        _head(upper(features) if upper is not None else features, settings, mean_age, std_age),
        name="tail",
    )
    whole = keras.Model(images, tail(stem(images)), name="age_network")
    return AgeNetwork(stem=stem, tail=tail, whole=whole)

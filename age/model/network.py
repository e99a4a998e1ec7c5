"""The age network: frozen stem, trainable tail, and both joined for serving."""

import dataclasses
import hashlib

import keras

from age.model import backbone
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput


@dataclasses.dataclass(frozen=True)
class AgeNetwork:
    """A network in two parts that share its variables with the whole.

    Attributes:
        stem: frozen part, images `[n, s, s, 3]` (0 to 255) to features; None when nothing is frozen.
        tail: trained part, features (or images, when there is no stem) to ages `[n, 1]` in years.
        whole: images to ages.
    """

    stem: keras.Model | None
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


def _head(features, settings: TrainerSettings, mean_age: float, std_age: float, output_initializer="glorot_uniform"):
    x = keras.layers.GlobalAveragePooling2D(name="pool")(features)
    if settings.dense_units:
        x = keras.layers.Dense(settings.dense_units, activation="relu", name="dense")(x)
    if settings.dropout:
        x = keras.layers.Dropout(settings.dropout, seed=settings.seed, name="dropout")(x)
    x = keras.layers.Dense(1, kernel_initializer=output_initializer, name="standard_age")(x)
    # A linear output in standard deviations learns at the same rate whatever the spread of the ages.
    return keras.layers.Rescaling(scale=std_age, offset=mean_age, name="age")(x)


def _only_strided_readers(network: keras.Model, cut) -> int:
    """Returns the stride with which every layer above the cut reads it, or 1.

    A stage of ResNet begins with 1x1 convolutions of stride 2: they look at one position in four and at nothing else, so
    that the other three need not be computed into the cache at all. These layers are then made to read every position
    of what is left, which gives the same numbers.
    """
    readers = [
        layer
        for layer in network.layers
        if any(tensor is cut for node in layer._inbound_nodes for tensor in node.input_tensors)
    ]
    if not readers or not all(
        isinstance(layer, keras.layers.Conv2D)
        and not isinstance(layer, keras.layers.DepthwiseConv2D)
        and layer.kernel_size == (1, 1)
        and layer.strides == readers[0].strides
        for layer in readers
    ):
        return 1
    stride = readers[0].strides[0]
    for layer in readers:
        layer.strides = (1, 1)
    return stride


def _above(network: keras.Model, cut, features, settings: TrainerSettings) -> keras.Model:
    """Returns the part of the backbone above the cut as a model of its own that takes `features`."""
    try:
        upper = keras.Model(cut, network.output, name="trained_backbone")
        # The same layers, run again on the shape that the stem really gives.
        return keras.models.clone_model(upper, input_tensors=features, clone_function=lambda layer: layer)
    except (ValueError, KeyError) as error:  # Keras 3 looks in vain for what a layer above the cut also reads
        raise BadInput(
            f"trainer.freeze_through: {settings.freeze_through!r} does not cut the backbone in two: later layers also use "
            "what comes before it. Name a layer that ends a block, such as "
            f"{backbone.FAMILIES[settings.backbone].last_frozen!r}."
        ) from error


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
        # Without anything pretrained, random outputs lie far from any age, and the first steps of a deep network do harm.
        initializer = "zeros" if settings.weights == backbone.WEIGHTS_NONE else "glorot_uniform"
        ages = _head(network(pixels), settings, mean_age, std_age, initializer)
        whole = keras.Model(images, ages, name="age_network")
        return AgeNetwork(stem=None, tail=whole, whole=whole)
    lower = keras.Model(network.input, cut, name="frozen_backbone")
    lower.trainable = False
    seen = lower(pixels, training=False)
    features, upper = None, None
    if cut is not network.output:
        stride = _only_strided_readers(network, cut)
        if stride > 1:
            seen = seen[:, ::stride, ::stride, :]
        features = keras.Input(seen.shape[1:], name="features")
        upper = _above(network, cut, features, settings)
    stem = keras.Model(images, seen, name="stem")
    if features is None:
        features = keras.Input(seen.shape[1:], name="features")
    tail = keras.Model(
        features,
        _head(upper(features) if upper is not None else features, settings, mean_age, std_age),
        name="tail",
    )
    whole = keras.Model(images, tail(stem(images)), name="age_network")
    return AgeNetwork(stem=stem, tail=tail, whole=whole)

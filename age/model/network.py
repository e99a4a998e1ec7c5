"""The age network: frozen stem, trainable tail, and both joined for serving."""

import dataclasses
import hashlib
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from age.model import age_distribution, backbone, example_reading, objective, replicas
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput


@dataclasses.dataclass(frozen=True)
class AgeNetwork:
    """A network in parts that share their variables.

    Attributes:
        stem: frozen part, images `[n, s, s, 3]` (0 to 255) to features; None when nothing is frozen.
        tail: trained part, features (or images, when there is no stem) to what the loss sees: ages `[n, 1]` in years, or logits
            over years `[n, 121]`.
        trained: stem and tail, images to what the loss sees.
        whole: images to ages `[n, 1]` in years.
        head: the layers above the backbone.
        backbone: the layers of the backbone, which compute in the precision of the configuration while they are trained.
        cut: name of the last frozen layer; None when nothing is frozen.
        cut_stride: of the positions of that layer's output, the features are every so many in each direction.
        new_variables: paths of the variables that nothing is known of yet: those above the backbone, and those of layers that
            a partial weights file lacks.
    """

    stem: keras.Model | None
    tail: keras.Model
    trained: keras.Model
    whole: keras.Model
    head: tuple[keras.layers.Layer, ...]
    backbone: tuple[keras.layers.Layer, ...]
    cut: str | None
    cut_stride: int
    new_variables: frozenset[str]

    def tail_with_features(self) -> keras.Model:
        """Returns the tail with two outputs: its own, and its penultimate features `[n, d]`, from which its last layer decides."""
        decides = [layer for layer in self.tail.layers if isinstance(layer, keras.layers.Dense)][-1]
        return keras.Model(self.tail.input, [self.tail.output, decides.input])

    @property
    def seeing(self) -> keras.Model:
        """Images to ages `[n, 1]` in years, and to the penultimate features `[n, d]`."""
        images = keras.Input(self.whole.input.shape[1:], name="images")
        answer, features = self.tail_with_features()(self.stem(images) if self.stem else images)
        if self.whole is not self.trained:
            answer = age_distribution.ExpectedAge(name="expected_age")(answer)
        return keras.Model(images, [answer, features], name="age_network_with_features")

    def stem_digest(self) -> str:
        """Returns a hash over the stem's structure, weights and precision: what its features depend on."""
        digest = hashlib.sha256()
        if self.stem is not None:
            # Not by names: Keras numbers layers that have none of their own through all networks of a process.
            frozen = [layer.name for layer in self.backbone].index(self.cut) + 1
            digest.update(f"{frozen} {self.cut_stride} {self.backbone[0].compute_dtype}".encode())
            for weight in self.stem.weights:
                digest.update(repr(tuple(weight.shape)).encode())
                digest.update(weight.numpy().tobytes())
        return digest.hexdigest()

    def take_weights(self, other: "AgeNetwork") -> None:
        """Begins where the training of another network of the same layers ended, whatever either of them has frozen."""
        for ours, theirs in zip((*self.backbone, *self.head), (*other.backbone, *other.head), strict=True):
            ours.set_weights(theirs.get_weights())

    def adjust_logits(self, ages: "TrainingAges", strength: float) -> None:
        """Divides the probability of each year by the share of the training ages there, to a power.

        What a network answers when it is unsure is what was frequent in its training: the rare ages come out too near to the
        middle. This is the logit adjustment of Menon et al. (2021, Long-Tail Learning via Logit Adjustment), after training.

        Args:
            ages: those of the training split.
            strength: the power; 0 changes nothing.
        """
        logits = self.head[-1]
        logits.bias.assign(logits.bias - strength * np.log(ages.shares))

    def predict(self, split: example_reading.Split, batch_size: int = 64) -> npt.NDArray[np.float32]:
        """Returns the ages that the network sees in the photographs of a split: float32 `[n]`, years, in the labels' order.

        Args:
            split: the photographs.
            batch_size: how many are looked at at once.
        """
        batches = split.streamed_batches(self.whole.input.shape[1], batch_size)
        as_stored: npt.NDArray[np.float32] = self.whole.predict(batches, verbose=0)[:, 0]
        ages = np.empty_like(as_stored)
        ages[split.labels.rank] = as_stored
        return ages


@dataclasses.dataclass(frozen=True)
class TrainingAges:
    """What the network is told of the ages that it will be trained on, so that untrained it answers like them.

    Attributes:
        mean: years.
        std: standard deviation, years.
        shares: share of the photographs at each year of `age_distribution.years()`, float64 `[121]`.
    """

    mean: float
    std: float
    shares: npt.NDArray[np.float64]

    @classmethod
    def of(cls, ages: npt.NDArray[np.floating[Any]]) -> "TrainingAges":
        """Args: ages: those of the training split, years."""
        return cls(float(ages.mean()), max(float(ages.std()), 1.0), age_distribution.smoothed(ages))


def _head(
    settings: TrainerSettings, ages: TrainingAges, features: list[keras.KerasTensor], from_random: bool
) -> tuple[keras.KerasTensor, list[keras.layers.Layer]]:
    """Returns what the head gives, and its layers."""
    pooled = [keras.layers.GlobalAveragePooling2D(name=f"pool_{number}")(each) for number, each in enumerate(features)]
    x = pooled[0] if len(pooled) == 1 else keras.layers.Concatenate(name="pools")(pooled)
    layers: list[keras.layers.Layer] = []
    if settings.dense_units:
        layers.append(keras.layers.Dense(settings.dense_units, activation="relu", name="dense"))
    if settings.dropout:
        layers.append(keras.layers.Dropout(settings.dropout, seed=settings.seed, name="dropout"))
    # Without anything pretrained, random outputs lie far from any age, and the first steps of a deep network do harm.
    initializer = "zeros" if from_random else "glorot_uniform"
    if settings.loss in objective.DISTRIBUTIONS:
        prior = keras.initializers.Constant(np.log(ages.shares))
        layers.append(
            keras.layers.Dense(
                len(ages.shares), kernel_initializer=initializer, bias_initializer=prior, name="age_logits", dtype="float32"
            )
        )
    else:
        layers.append(keras.layers.Dense(1, kernel_initializer=initializer, name="standard_age"))
        # A linear output in standard deviations learns at the same rate whatever the spread of the ages.
        layers.append(keras.layers.Rescaling(scale=ages.std, offset=ages.mean, name="age"))
    for layer in layers:
        x = layer(x)
    return x, layers


def _only_strided_readers(network: keras.Model, cut: keras.KerasTensor) -> int:
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
    stride: int = readers[0].strides[0]
    for layer in readers:
        layer.strides = (1, 1)
    return stride


def _above(
    network: keras.Model, cut: keras.KerasTensor, outputs: list[str], features: keras.KerasTensor
) -> list[keras.KerasTensor]:
    """Runs the part of the backbone above the cut on `features`; returns the outputs of the named layers."""
    names = [name for name in outputs if network.get_layer(name).output is not cut]
    upper = keras.Model(cut, [network.get_layer(name).output for name in names], name="trained_backbone")
    # The same layers, run again on the shape that the stem really gives.
    upper = keras.models.clone_model(upper, input_tensors=features, clone_function=lambda layer: layer)
    found = upper(features)
    given = dict(zip(names, found if isinstance(found, list) else [found]))
    return [given.get(name, features) for name in outputs]


def _pooled_layers(network: keras.Model, cut: str | None, settings: TrainerSettings) -> list[str]:
    """Returns the layers whose outputs the head sees, the backbone's last one first.

    Raises:
        BadInput: one of them is not in the backbone or below the cut.
    """
    order = [layer.name for layer in network.layers]
    allowed = order[order.index(cut) :] if cut else order
    for name in settings.pooled_layers:
        if name not in allowed or len(network.get_layer(name).output.shape) != 4:
            where = f"from {cut} on" if cut else "of the backbone"
            raise BadInput(
                f"trainer.pooled_layers: {name!r} is no layer {where} whose output is an image. Expected names of layers of "
                f"{settings.backbone} that end a block, such as {order[-1]!r}."
            )
    return [order[-1], *(name for name in settings.pooled_layers if name != order[-1])]


def build(settings: TrainerSettings, ages: TrainingAges) -> AgeNetwork:
    """Builds the network.

    Args:
        settings: the `trainer` section.
        ages: what the untrained network answers.

    Raises:
        BadInput: as `backbone.build`, and for pooled layers that there are none of.
        ServiceUnavailable: as `backbone.build`.
    """
    built = backbone.build(
        settings.backbone, settings.image_size, settings.weights, settings.weights_partial, settings.freeze_through
    )
    network, cut_name = built.network, built.cut
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = settings.batch_norm_momentum
            replicas.normalise_whole_batches(layer)
    images = keras.Input((settings.image_size, settings.image_size, 3), name="images")
    pixels = backbone.preprocess(images, settings.backbone)
    pooled = _pooled_layers(network, cut_name, settings)
    stride = 1
    if cut_name is None:
        seen = keras.Model(network.input, [network.get_layer(name).output for name in pooled], name="trained_backbone")(pixels)
        from_random = settings.weights == backbone.WEIGHTS_NONE
        outputs, head = _head(settings, ages, seen if isinstance(seen, list) else [seen], from_random)
        stem, tail = None, keras.Model(images, outputs, name="tail")
        trained = tail
    else:
        cut = network.get_layer(cut_name).output
        lower = keras.Model(network.input, cut, name="frozen_backbone")
        lower.trainable = False
        frozen = lower(pixels, training=False)
        if cut is not network.output:
            stride = _only_strided_readers(network, cut)
            if stride > 1:
                frozen = frozen[:, ::stride, ::stride, :]
        stem = keras.Model(images, frozen, name="stem")
        features = keras.Input(frozen.shape[1:], name="features")
        seen = [features] if cut is network.output else _above(network, cut, pooled, features)
        outputs, head = _head(settings, ages, seen, from_random=False)
        tail = keras.Model(features, outputs, name="tail")
        trained = keras.Model(images, tail(stem(images)), name="trained")
    new = [*head, *(network.get_layer(name) for name in built.lacking)]
    answer = age_distribution.ExpectedAge(name="expected_age") if settings.loss in objective.DISTRIBUTIONS else None
    return AgeNetwork(
        stem=stem,
        tail=tail,
        trained=trained,
        whole=keras.Model(images, answer(trained(images)), name="age_network") if answer else trained,
        head=tuple(head),
        backbone=tuple(network.layers),
        cut=cut_name,
        cut_stride=stride,
        new_variables=frozenset(variable.path for layer in new for variable in layer.variables),
    )

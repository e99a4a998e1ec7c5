"""The networks that look at an image, their weights, and where they may be cut."""

import dataclasses
import os
from collections.abc import Callable

import keras
from absl import logging

from age.model import small_resnet
from schemas.bad_input import BadInput

WEIGHTS_IMAGENET = "imagenet"
WEIGHTS_NONE = "none"


@dataclasses.dataclass(frozen=True)
class Family:
    """What differs between the networks.

    Attributes:
        build: makes the network without its top from `input_shape` and `weights`.
        mode: how it wants its pixels (see `keras.applications.imagenet_utils.preprocess_input`): `caffe` for the first
            ResNets (BGR, minus the means of ImageNet), `torch` for DenseNet, `tf` for MobileNetV2 ([-1, 1]).
        last_frozen: the end of the last stage but one.
        pretrained: whether Keras has ImageNet weights for it.
    """

    build: Callable
    mode: str
    last_frozen: str
    pretrained: bool = True


def _mobilenet_v2_035(input_shape, weights):
    return keras.applications.MobileNetV2(input_shape=input_shape, alpha=0.35, include_top=False, weights=weights)


def _resnet50(input_shape, weights):
    return keras.applications.ResNet50(input_shape=input_shape, include_top=False, weights=weights)


def _resnet20(input_shape, weights):
    return small_resnet.resnet20(input_shape)


def _densenet169(input_shape, weights):
    return keras.applications.DenseNet169(input_shape=input_shape, include_top=False, weights=weights)


FAMILIES = {
    "resnet50": Family(_resnet50, "caffe", "conv4_block6_out"),
    "densenet169": Family(_densenet169, "torch", "pool4_pool"),
    "mobilenet_v2_035": Family(_mobilenet_v2_035, "tf", "block_12_add"),
    "resnet20": Family(_resnet20, "tf", "stage2_block3_out", pretrained=False),
}


def _layers_with_weights(network) -> list[str]:
    return [layer.name for layer in network.layers if layer.weights]


def _layers_in_file(path: str) -> set[str] | None:
    """Returns the names of the layers with weights in a legacy Keras `.h5` file, or None for another layout."""
    import h5py

    with h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        if "layer_names" not in group.attrs:
            return None
        names = [name.decode() if isinstance(name, bytes) else name for name in group.attrs["layer_names"]]
        return {name for name in names if len(group[name].attrs.get("weight_names", ()))}


def _load_file(network, path: str, partial: bool) -> set[str]:
    """Loads a weights file; returns the names of the layers that it lacks."""
    if not os.path.isfile(path):
        raise BadInput(
            f"trainer.weights: {path}: there is no such file. Expected '{WEIGHTS_IMAGENET}', '{WEIGHTS_NONE}' or the path "
            "of a Keras weights file (.h5) without the top."
        )
    try:
        in_file = _layers_in_file(path)
    except OSError as error:
        raise BadInput(f"trainer.weights: {path}: not an HDF5 file: {error}. Expected Keras weights (.h5).") from error
    needed = _layers_with_weights(network)
    missing = set() if in_file is None else {name for name in needed if name not in in_file}
    if len(missing) == len(needed):
        raise BadInput(
            f"trainer.weights: {path}: the file has none of the {len(needed)} layers of this backbone. "
            "Give the weights of the network that trainer.backbone names."
        )
    if missing and not partial:
        first = next(name for name in needed if name in missing)
        raise BadInput(
            f"trainer.weights: {path}: the file lacks {len(missing)} of {len(needed)} layers (the first is {first}). "
            "Set trainer.weights_partial=true to start those from random weights, or give a complete file."
        )
    try:
        if in_file is None:
            network.load_weights(path)
        else:
            network.load_weights(path, by_name=True)
    except (ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"trainer.weights: {path}: the weights do not fit the backbone: {reason}") from error
    if missing:
        logging.warning(
            "%s lacks %d of %d layers, which start from random weights: %s",
            path, len(missing), len(needed), ", ".join(name for name in needed if name in missing),
        )  # fmt: skip
    return missing


def _load_imagenet(family: Family, input_shape):
    if not family.pretrained:
        with_weights = ", ".join(name for name, other in FAMILIES.items() if other.pretrained)
        raise BadInput(
            f"trainer.weights: there are no ImageNet weights for this backbone. Set trainer.weights to '{WEIGHTS_NONE}', or "
            f"trainer.backbone to one of {with_weights}."
        )
    try:
        return family.build(input_shape, weights="imagenet")
    except Exception as error:
        # Keras wraps whatever went wrong with the download (URLError, HTTPError, timeouts) in a bare Exception.
        reason = str(error).splitlines()[0]
        raise BadInput(
            f"trainer.weights: the ImageNet weights could not be downloaded: {reason}. Connect to the internet, or set "
            f"trainer.weights to the path of a weights file, or to '{WEIGHTS_NONE}' to start from random weights."
        ) from error


def _quiet_residuals(network: keras.Model) -> None:
    """Makes every residual block begin as the identity: the last normalisation of its branch is scaled by zero.

    A deep network from random weights trains steadily from there (Goyal et al., 2017, Accurate, Large Minibatch SGD, 5.1).
    """
    for layer in network.layers:
        if isinstance(layer, keras.layers.Add):
            branch = layer.input[-1]._keras_history.operation
            if isinstance(branch, keras.layers.BatchNormalization):
                branch.gamma.assign(keras.ops.zeros_like(branch.gamma))


def resolve_freeze_through(name: str, freeze_through: str, weights: str) -> str:
    """Returns the last layer that is not trained, `none` or `all`.

    Args:
        name: key of `FAMILIES`.
        freeze_through: as configured, `auto` included.
        weights: as configured.
    """
    if freeze_through != "auto":
        return freeze_through
    return "none" if weights == WEIGHTS_NONE else FAMILIES[name].last_frozen


def build(name: str, image_size: int, weights: str, weights_partial: bool, freeze_through: str):
    """Builds a backbone with its weights and finds the layer at which it is cut.

    Args:
        name: key of `FAMILIES`.
        image_size: side of the input, pixels.
        weights: `imagenet`, `none`, or a path.
        weights_partial: accept a file that lacks some layers.
        freeze_through: a layer's name, `none` or `all` (see `resolve_freeze_through`).

    Returns:
        `(network, cut)`: the Keras model without its top, and the last frozen layer's output tensor or None.

    Raises:
        BadInput: weights that can't be had or don't fit, an unknown layer, or a frozen layer without weights.
    """
    family, input_shape = FAMILIES[name], (image_size, image_size, 3)
    missing: set[str] = set()
    if weights == WEIGHTS_IMAGENET:
        network = _load_imagenet(family, input_shape)
    else:
        network = family.build(input_shape, weights=None)
        if weights != WEIGHTS_NONE:
            missing = _load_file(network, weights, weights_partial)
    if freeze_through == "none":
        if weights == WEIGHTS_NONE:
            _quiet_residuals(network)
        return network, None
    names = [layer.name for layer in network.layers]
    last = names[-1] if freeze_through == "all" else freeze_through
    if last not in names:
        raise BadInput(
            f"trainer.freeze_through: {freeze_through!r} is no layer of {name}. Expected 'auto', 'none', 'all' or a layer "
            f"that ends a block, such as {family.last_frozen!r}."
        )
    random_and_frozen = [layer for layer in names[: names.index(last) + 1] if layer in missing]
    if random_and_frozen:
        raise BadInput(
            f"trainer.freeze_through: {last!r} would freeze {random_and_frozen[0]}, which the weights file lacks and which "
            "is therefore random. Freeze fewer layers or give a file that has it."
        )
    return network, network.get_layer(last).output


def preprocess(images, name: str):
    """Turns pixels (0 to 255, RGB) into what the backbone wants."""
    return keras.applications.imagenet_utils.preprocess_input(images, data_format="channels_last", mode=FAMILIES[name].mode)

"""The networks that look at an image, their weights, and where they may be cut."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from absl import logging

from age.model import backbone_table
from schemas.bad_input import BadInput
from schemas.failures import ServiceUnavailable

WEIGHTS_IMAGENET = "imagenet"
WEIGHTS_NONE = "none"


@dataclasses.dataclass(frozen=True)
class Built:
    """A backbone with its weights.

    Attributes:
        network: without its top, from `[n, s, s, 3]` to `[n, h, w, c]`.
        cut: name of the last frozen layer; None when nothing is frozen.
        lacking: names of the layers that the weights file lacks, which start from random weights.
    """

    network: keras.Model
    cut: str | None
    lacking: frozenset[str]


def _network(chosen: backbone_table.Backbone, image_size: int, weights: str | None) -> keras.Model:
    shape = (image_size, image_size, 3)
    if callable(chosen.network):
        return chosen.network(input_shape=shape, weights=weights, **chosen.arguments)
    make = getattr(keras.applications, chosen.network)
    return make(input_shape=shape, weights=weights, include_top=False, **chosen.arguments)


def cuts(network: keras.Model) -> list[str]:
    """Returns the layers at which a network can be cut in two, in order: what they give is all that later layers see of what
    comes before them."""
    # Operations, not layers: ConvNeXt adds up by one that is no layer.
    operations = network.operations
    position = {operation.name: number for number, operation in enumerate(operations)}
    last_reader = [-1] * len(operations)
    for number, operation in enumerate(operations):
        for node in operation._inbound_nodes:
            for tensor in node.input_tensors:
                source = position.get(tensor._keras_history.operation.name)
                if source is not None:
                    last_reader[source] = max(last_reader[source], number)
    found, still_read = [], -1
    for number, operation in enumerate(operations[:-1]):
        if still_read <= number and isinstance(operation, keras.Layer):
            found.append(operation.name)
        still_read = max(still_read, last_reader[number])
    return found


def last_stage_but_one(network: keras.Model) -> str:
    """Returns the layer that ends a network's last stage but one.

    A stage is what works at one resolution. Where its blocks end in an addition or a concatenation, it is the last of those at
    which the network can be cut, with the activation right behind it: what comes after that already belongs to the next
    stage's first block. Elsewhere it is the last layer of that resolution.
    """
    layers = [network.get_layer(name) for name in cuts(network)]
    larger = [layer for layer in layers if len(layer.output.shape) == 4 and layer.output.shape[1] > network.output.shape[1]]
    side = min(layer.output.shape[1] for layer in larger)
    stage = [layer for layer in larger if layer.output.shape[1] == side]
    ends = [number for number, layer in enumerate(stage) if isinstance(layer, keras.layers.Add | keras.layers.Concatenate)]
    if not ends:
        return str(stage[-1].name)
    following = stage[ends[-1] + 1 : ends[-1] + 2]
    if following and isinstance(following[0], keras.layers.Activation):
        return str(following[0].name)
    return str(stage[ends[-1]].name)


def _layers_with_weights(network: keras.Model) -> list[str]:
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


def _load_file(network: keras.Model, path: str, partial: bool, names_in_files: Mapping[str, str]) -> set[str]:
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
    other_names = {} if in_file is None else {names_in_files[name]: name for name in in_file if name in names_in_files}
    missing = set() if in_file is None else {name for name in needed if other_names.get(name, name) not in in_file}
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
        elif other_names:
            _load_under_other_names(network, path, other_names)
        else:
            network.load_weights(path, by_name=True)
    except (ValueError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise BadInput(f"trainer.weights: {path}: the weights do not fit the backbone: {reason}") from error
    _require_finite(network, path)
    if missing:
        logging.warning(
            "%s lacks %d of %d layers, which start from random weights: %s",
            path, len(missing), len(needed), ", ".join(name for name in needed if name in missing),
        )  # fmt: skip
    return missing


def _require_finite(network: keras.Model, path: str) -> None:
    """Refuses weights with which every answer would be NaN."""
    for layer in network.layers:
        for value in layer.get_weights():
            bad = int(np.size(value) - np.count_nonzero(np.isfinite(value)))
            if bad:
                raise BadInput(
                    f"trainer.weights: {path}: {bad} of {np.size(value)} values in a weight of the layer {layer.name} are NaN or "
                    "infinite; expected numbers. The file is damaged, or was written by a training that diverged: give another."
                )


def _load_under_other_names(network: keras.Model, path: str, other_names: Mapping[str, str]) -> None:
    """Loads layers that a legacy `.h5` file has under other names; a bias that the file lacks is zero.

    Raises:
        ValueError: a layer's weights have another shape in the file.
    """
    import h5py

    with h5py.File(path, "r") as file:
        group = file.get("model_weights", file)
        for name, in_file in other_names.items():
            layer = network.get_layer(name)
            kept = {_last_part(weight): group[in_file][weight][()] for weight in _texts(group[in_file].attrs["weight_names"])}
            values = []
            for variable in layer.weights:
                value = kept.get(variable.name)
                if value is None and variable.name != "bias":
                    raise ValueError(f"the layer {in_file} has no {variable.name}")
                values.append(keras.ops.convert_to_numpy(keras.ops.zeros_like(variable)) if value is None else value)
            layer.set_weights(values)


def _texts(names: Any) -> list[str]:
    return [name.decode() if isinstance(name, bytes) else name for name in names]


def _last_part(weight_name: str) -> str:
    """Returns `kernel` of `conv1/7x7_s2/kernel:0`."""
    return weight_name.rpartition("/")[2].partition(":")[0]


def _built(chosen: backbone_table.Backbone, name: str, image_size: int, weights: str | None) -> keras.Model:
    try:
        return _network(chosen, image_size, weights)
    except ValueError as error:
        raise BadInput(f"trainer.image_size is {image_size}, for which {name} can't be built: {error}") from error


def _with_imagenet_weights(chosen: backbone_table.Backbone, name: str, image_size: int) -> keras.Model:
    if not chosen.pretrained:
        raise BadInput(
            "trainer.weights: there are no ImageNet weights for this backbone. Set trainer.weights to the path of a weights "
            f"file or to '{WEIGHTS_NONE}', or choose another trainer.backbone, such as resnet50."
        )
    try:
        return _built(chosen, name, image_size, "imagenet")
    except BadInput:
        raise
    except Exception as error:
        # Keras wraps whatever went wrong with the download (URLError, HTTPError, timeouts) in a bare Exception.
        reason = str(error).splitlines()[0]
        raise ServiceUnavailable(
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


def build(name: str, image_size: int, weights: str, weights_partial: bool, freeze_through: str) -> Built:
    """Builds a backbone with its weights and finds the layer at which it is cut.

    Args:
        name: of `backbone_table.names()`.
        image_size: side of the input, pixels.
        weights: `imagenet`, `none`, or a path.
        weights_partial: accept a file that lacks some layers.
        freeze_through: a layer's name, `none`, `all`, or `auto`: the end of the last stage but one when there are pretrained
            weights, and nothing otherwise.

    Raises:
        BadInput: an image too small, weights that are not there or don't fit, an unknown layer, a layer at which the network
            can't be cut, or a frozen layer without weights.
        ServiceUnavailable: ImageNet weights that can't be downloaded.
    """
    chosen = backbone_table.get(name)
    missing: set[str] = set()
    if weights == WEIGHTS_IMAGENET:
        network = _with_imagenet_weights(chosen, name, image_size)
    else:
        network = _built(chosen, name, image_size, None)
    if weights not in (WEIGHTS_IMAGENET, WEIGHTS_NONE):
        missing = _load_file(network, weights, weights_partial, chosen.names_in_files)
    if freeze_through == "none" or (freeze_through == "auto" and weights == WEIGHTS_NONE):
        if weights == WEIGHTS_NONE:
            _quiet_residuals(network)
        return Built(network, None, frozenset(missing))
    names = [layer.name for layer in network.layers]
    if freeze_through == "all":
        last = names[-1]
    elif freeze_through == "auto":
        last = chosen.last_frozen or last_stage_but_one(network)
    else:
        last = freeze_through
    if last not in names:
        raise BadInput(
            f"trainer.freeze_through: {freeze_through!r} is no layer of {name}. Expected 'auto', 'none', 'all' or a layer "
            f"that ends a block, such as {last_stage_but_one(network)!r}."
        )
    if last != names[-1] and last not in cuts(network):
        raise BadInput(
            f"trainer.freeze_through: {last!r} does not cut the backbone in two: later layers also use what comes before it. "
            f"Name a layer that ends a block, such as {last_stage_but_one(network)!r}."
        )
    random_and_frozen = [layer for layer in names[: names.index(last) + 1] if layer in missing]
    if random_and_frozen:
        raise BadInput(
            f"trainer.freeze_through: {last!r} would freeze {random_and_frozen[0]}, which the weights file lacks and which "
            "is therefore random. Freeze fewer layers or give a file that has it."
        )
    return Built(network, last, frozenset(missing))


def preprocess(images: Any, name: str) -> Any:
    """Turns pixels (0 to 255, RGB) into what the backbone wants."""
    preprocessing = backbone_table.get(name).preprocessing
    if callable(preprocessing):
        return preprocessing(images)
    return getattr(keras.applications, preprocessing).preprocess_input(images, data_format="channels_last")

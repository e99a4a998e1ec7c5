"""Which networks can look at an image: one table, and what others register. Loads neither Keras nor TensorFlow.

A package adds a backbone without touching this project by an entry point of the group `age_pipeline.backbones`, whose name is
that of the backbone and whose object is a `Backbone`:

    entry_points={"age_pipeline.backbones": ["my_net = my_package.backbones:MY_NET"]}
"""

import dataclasses
import functools
import importlib.metadata
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from schemas.bad_input import BadInput

if TYPE_CHECKING:
    import keras

ENTRY_POINT_GROUP = "age_pipeline.backbones"


@dataclasses.dataclass(frozen=True)
class Backbone:
    """A network without its top, and how it wants its pixels.

    Attributes:
        network: name in `keras.applications`, such as `ResNet50`, or a function of `input_shape` and `weights` (None or
            `imagenet`) that returns a `keras.Model` from `[n, s, s, 3]` to `[n, h, w, c]`.
        preprocessing: module in `keras.applications` whose `preprocess_input` is called, or a function from pixels (RGB, 0 to
            255) to what the network wants.
        arguments: further arguments for `network`.
        last_frozen: the layer that `trainer.freeze_through: auto` freezes through; None for the end of the last stage but one,
            found from the network itself (`backbone.last_stage_but_one`).
        pretrained: whether Keras has ImageNet weights for it.
        names_in_files: layer name in known weights files -> layer name here, for files that name layers otherwise.
    """

    network: "str | Callable[..., keras.Model]"
    preprocessing: "str | Callable[[keras.KerasTensor], keras.KerasTensor]"
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    last_frozen: str | None = None
    pretrained: bool = True
    names_in_files: Mapping[str, str] = dataclasses.field(default_factory=dict)


def _vggface_names() -> dict[str, str]:
    """Returns the layer names of the well-known keras-vggface ResNet50 files and those of Keras' own ResNet50."""
    names = {"conv1/7x7_s2": "conv1_conv", "conv1/7x7_s2/bn": "conv1_bn"}
    parts = {"1x1_proj": "0", "1x1_reduce": "1", "3x3": "2", "1x1_increase": "3"}
    for stage, blocks in {2: 3, 3: 4, 4: 6, 5: 3}.items():
        for block in range(1, blocks + 1):
            for theirs, ours in parts.items():
                if ours == "0" and block > 1:
                    continue  # only the first block of a stage projects its shortcut
                names[f"conv{stage}_{block}_{theirs}"] = f"conv{stage}_block{block}_{ours}_conv"
                names[f"conv{stage}_{block}_{theirs}/bn"] = f"conv{stage}_block{block}_{ours}_bn"
    return names


def _small_resnet(input_shape: tuple[int, int, int], weights: None) -> "keras.Model":
    from age.model import small_resnet

    return small_resnet.resnet20(input_shape)


def _vggface_pixels(images: "keras.KerasTensor") -> "keras.KerasTensor":
    """Turns RGB into BGR and subtracts the means of VGGFace2's training images (Cao et al., 2018), as keras-vggface does."""
    return images[..., ::-1] - (91.4953, 103.8827, 131.0912)


_OWN = {
    "resnet50": Backbone("ResNet50", "resnet"),
    "resnet101": Backbone("ResNet101", "resnet"),
    "resnet152": Backbone("ResNet152", "resnet"),
    "resnet50_v2": Backbone("ResNet50V2", "resnet_v2"),
    "resnet101_v2": Backbone("ResNet101V2", "resnet_v2"),
    "resnet152_v2": Backbone("ResNet152V2", "resnet_v2"),
    "vgg16": Backbone("VGG16", "vgg16", last_frozen="block4_pool"),
    "vgg19": Backbone("VGG19", "vgg19", last_frozen="block4_pool"),
    "xception": Backbone("Xception", "xception"),
    "inception_v3": Backbone("InceptionV3", "inception_v3"),
    "inception_resnet_v2": Backbone("InceptionResNetV2", "inception_resnet_v2"),
    "densenet121": Backbone("DenseNet121", "densenet", last_frozen="pool4_pool"),
    "densenet169": Backbone("DenseNet169", "densenet", last_frozen="pool4_pool"),
    "densenet201": Backbone("DenseNet201", "densenet", last_frozen="pool4_pool"),
    "mobilenet": Backbone("MobileNet", "mobilenet"),
    "mobilenet_v2": Backbone("MobileNetV2", "mobilenet_v2"),
    "mobilenet_v2_035": Backbone("MobileNetV2", "mobilenet_v2", {"alpha": 0.35}),
    "mobilenet_v3_large": Backbone("MobileNetV3Large", "mobilenet_v3"),
    "mobilenet_v3_small": Backbone("MobileNetV3Small", "mobilenet_v3"),
    "efficientnet_v2_b0": Backbone("EfficientNetV2B0", "efficientnet_v2"),
    "efficientnet_v2_b1": Backbone("EfficientNetV2B1", "efficientnet_v2"),
    "efficientnet_v2_b2": Backbone("EfficientNetV2B2", "efficientnet_v2"),
    "efficientnet_v2_b3": Backbone("EfficientNetV2B3", "efficientnet_v2"),
    "efficientnet_v2_s": Backbone("EfficientNetV2S", "efficientnet_v2"),
    "efficientnet_v2_m": Backbone("EfficientNetV2M", "efficientnet_v2"),
    "convnext_tiny": Backbone("ConvNeXtTiny", "convnext", last_frozen="convnext_tiny_downsampling_block_2"),
    "convnext_small": Backbone("ConvNeXtSmall", "convnext", last_frozen="convnext_small_downsampling_block_2"),
    "convnext_base": Backbone("ConvNeXtBase", "convnext", last_frozen="convnext_base_downsampling_block_2"),
    # Weights in a file alone: ResNet50 as keras-vggface publishes it, trained on faces.
    "resnet50_vggface2": Backbone("ResNet50", _vggface_pixels, pretrained=False, names_in_files=_vggface_names()),
    # Small, for small images, from random weights alone.
    "resnet20": Backbone(_small_resnet, "mobilenet_v2", last_frozen="stage2_block3_out", pretrained=False),
}


@functools.cache
def _registered() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)}


def names() -> list[str]:
    """Returns the names of all backbones, this project's own first; imports no package that registers others."""
    return [*_OWN, *sorted(set(_registered()) - set(_OWN))]


def get(name: str) -> Backbone:
    """Returns a backbone by its name; a name of this project's own can't be taken by another package.

    Raises:
        BadInput: there is none of this name, or the package that registers it can't be loaded.
    """
    if name in _OWN:
        return _OWN[name]
    if name not in _registered():
        raise BadInput(f"trainer.backbone is {name!r}; expected one of {', '.join(names())}.")
    point = _registered()[name]
    try:
        found = point.load()
    except Exception as error:
        raise BadInput(
            f"trainer.backbone: {name} is registered as {point.value}, which can't be loaded ({type(error).__name__}: {error}). "
            "Mend or remove the package that registers it."
        ) from error
    if not isinstance(found, Backbone):
        raise BadInput(
            f"trainer.backbone: {name} is registered as {point.value}, which is a {type(found).__name__}; expected an "
            "age.model.backbone_table.Backbone."
        )
    return found

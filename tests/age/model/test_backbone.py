"""The table of backbones: where each is cut, what it makes of pixels, and what other packages add."""

import importlib.metadata

import h5py
import keras
import numpy as np
import pytest

from age.model import backbone, backbone_table
from schemas.bad_input import BadInput

# Where the last stage but one ends, by the papers' own division into stages.
CUTS = {
    "resnet50": "conv4_block6_out",
    "resnet101": "conv4_block23_out",
    "resnet50_v2": "conv4_block5_out",
    "inception_v3": "mixed7",
    "densenet169": "pool4_pool",
    "mobilenet": "conv_pw_11_relu",
    "mobilenet_v2": "block_12_add",
    "mobilenet_v2_035": "block_12_add",
    "mobilenet_v3_large": "expanded_conv_11_add",
    "efficientnet_v2_b0": "block5e_add",
    "efficientnet_v2_s": "block5i_add",
    "convnext_tiny": "convnext_tiny_downsampling_block_2",
    "resnet20": "stage2_block3_out",
    "vgg16": "block4_pool",
}


@pytest.mark.parametrize("name, cut", CUTS.items())
def test_each_backbone_is_cut_in_two_at_the_end_of_its_last_stage_but_one(name, cut):
    network = backbone._network(backbone_table.get(name), 96, None)

    found = backbone_table.get(name).last_frozen or backbone.last_stage_but_one(network)

    assert found == cut and cut in backbone.cuts(network)
    # Keras itself must be able to run what lies above the cut on what lies below.
    upper = keras.Model(network.get_layer(cut).output, network.output)
    assert upper(np.zeros((1, *upper.input.shape[1:]), "float32")).shape[1:] == network.output.shape[1:]


@pytest.mark.parametrize(
    "name, white",
    [
        ("resnet50", [255 - 103.939, 255 - 116.779, 255 - 123.68]),
        ("densenet169", [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("mobilenet", [1.0, 1.0, 1.0]),
        ("inception_v3", [1.0, 1.0, 1.0]),
        ("efficientnet_v2_b0", [255.0, 255.0, 255.0]),
        ("convnext_tiny", [255.0, 255.0, 255.0]),
        ("resnet50_vggface2", [255 - 91.4953, 255 - 103.8827, 255 - 131.0912]),
    ],
)
def test_each_backbone_gets_the_pixels_that_it_was_trained_on(name, white):
    """EfficientNetV2 and ConvNeXt scale inside the network."""
    pixels = backbone.preprocess(np.full((1, 2, 2, 3), 255.0, "float32"), name)

    np.testing.assert_allclose(np.asarray(pixels)[0, 0, 0], white, rtol=1e-5)


def test_a_layer_beside_a_shortcut_is_no_cut():
    network = backbone._network(backbone_table.get("resnet20"), 32, None)

    found = backbone.cuts(network)

    assert "stage1_block1_out" in found and "stage1_block1_1_conv" not in found


def test_files_of_keras_vggface_are_read_by_their_own_names(tmp_path):
    """The layers' names and the missing biases are those of `rcmalli_vggface_tf_notop_resnet50.h5`."""
    random = np.random.default_rng(0)
    names = backbone_table.get("resnet50_vggface2").names_in_files
    network = backbone._network(backbone_table.get("resnet50_vggface2"), 32, None)
    path, written = str(tmp_path / "vggface.h5"), {}
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in names]
        for theirs, ours in names.items():
            group = file.create_group(theirs)
            kept = [variable for variable in network.get_layer(ours).weights if variable.name != "bias"]
            group.attrs["weight_names"] = [f"{theirs}/{variable.name}:0".encode() for variable in kept]
            for variable in kept:
                value = random.uniform(0.5, 1.0, variable.shape).astype("float32")
                group[f"{theirs}/{variable.name}:0"] = written[ours, variable.name] = value

    built = backbone.build("resnet50_vggface2", 32, path, False, "auto").network

    for layer in built.layers:
        for variable in layer.weights:
            expected = written.get((layer.name, variable.name), np.zeros(variable.shape))
            np.testing.assert_array_equal(variable.numpy(), expected)


def registered(monkeypatch, value):
    point = importlib.metadata.EntryPoint("theirs", value, backbone_table.ENTRY_POINT_GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == point.group else [])
    backbone_table._registered.cache_clear()


@pytest.fixture(autouse=True)
def forget_what_was_registered():
    yield
    backbone_table._registered.cache_clear()


THEIRS = backbone_table.Backbone(backbone_table._small_resnet, "mobilenet_v2", pretrained=False)


def test_another_package_may_register_a_backbone(monkeypatch):
    registered(monkeypatch, f"{__name__}:THEIRS")
    monkeypatch.setitem(__import__("sys").modules, __name__, __import__("types").SimpleNamespace(THEIRS=THEIRS))

    assert "theirs" in backbone_table.names() and backbone_table.get("theirs") is THEIRS


@pytest.mark.parametrize(
    "value, said", [("nowhere.to:BE", "can't be loaded .ModuleNotFoundError"), ("math:pi", "is a float; expected")]
)
def test_what_is_registered_wrongly_is_said_in_a_sentence(monkeypatch, value, said):
    registered(monkeypatch, value)

    with pytest.raises(BadInput, match=said):
        backbone_table.get("theirs")


def test_an_unknown_backbone_is_named_with_those_that_there_are():
    with pytest.raises(BadInput, match="trainer.backbone is 'resnet5'; expected one of resnet50, "):
        backbone_table.get("resnet5")

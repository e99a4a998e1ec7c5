"""The age network: where it is cut, which weights it takes, and what it says when they don't fit."""

import dataclasses
import urllib.request

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from age.model import age_distribution, backbone, backbone_table, network
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput
from schemas.failures import ServiceUnavailable

AGES = network.TrainingAges(33.0, 20.0, age_distribution.smoothed(np.array([13.0, 33.0, 53.0])))
SMALL = {"backbone": "mobilenet_v2_035", "image_size": 32, "dense_units": 8}


def settings(**changes):
    return TrainerSettings(**{**SMALL, "weights": "none", **changes})


def write_weights(path, model):
    """Writes the `.h5` layout in which pretrained weights are distributed."""
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    return str(path)


@pytest.fixture(scope="module")
def small_backbone():
    keras.utils.set_random_seed(5)
    return backbone._network(backbone_table.get("mobilenet_v2_035"), 32, None)


@pytest.fixture(scope="module")
def complete_file(small_backbone, tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights") / "complete.h5", small_backbone)


@pytest.fixture(scope="module")
def partial_file(small_backbone, tmp_path_factory):
    lower = keras.Model(small_backbone.input, small_backbone.get_layer("block_12_add").output)
    return write_weights(tmp_path_factory.mktemp("weights") / "partial.h5", lower)


@pytest.mark.parametrize(
    "name, freeze", [("resnet50", "conv4_block6_out"), ("mobilenet_v2_035", "block_5_add"), ("resnet20", "stage2_block3_out")]
)
def test_cut_network_answers_as_the_uncut_one(name, freeze):
    keras.utils.set_random_seed(1)
    images = np.random.default_rng(0).uniform(0, 255, size=(3, 64, 64, 3)).astype("float32")
    built = network.build(settings(backbone=name, image_size=64, freeze_through=freeze), AGES)
    uncut = backbone.build(name, 64, "none", False, "none").network
    parts = [built.stem.get_layer("frozen_backbone"), *built.tail.layers]
    layers = {layer.name: layer for part in parts for layer in getattr(part, "layers", [part])}
    for layer in uncut.layers:
        if layer.weights:
            layer.set_weights(layers[layer.name].get_weights())

    pooled = uncut(backbone.preprocess(images.copy(), name), training=False).numpy().mean((1, 2))
    dense, output = layers["dense"].get_weights(), layers["standard_age"].get_weights()
    expected = 33.0 + 20.0 * (np.maximum(pooled @ dense[0] + dense[1], 0) @ output[0] + output[1])

    np.testing.assert_allclose(built.whole(images, training=False), expected, rtol=1e-3, atol=1e-2)


def test_cache_of_resnet50_holds_only_the_positions_that_the_next_stage_reads():
    built = network.build(settings(backbone="resnet50", image_size=64, freeze_through="conv4_block6_out"), AGES)

    assert built.stem.output.shape[1:] == (2, 2, 1024)


def test_frozen_layers_are_not_trained_and_all_others_are():
    built = network.build(settings(freeze_through="block_5_add"), AGES)

    assert built.stem.trainable_variables == []
    trained = {variable.path.split("/")[0] for variable in built.tail.trainable_variables}
    assert {"block_6_expand", "Conv_1", "dense", "standard_age"} <= trained
    assert not any(name.startswith("block_5_") for name in trained)


def test_untrained_network_answers_the_mean_age_and_nothing_is_frozen_without_weights():
    keras.utils.set_random_seed(0)
    built = network.build(settings(), dataclasses.replace(AGES, mean=41.0))

    assert built.stem is None
    assert built.whole(np.full((1, 32, 32, 3), 128.0), training=False).numpy().item() == pytest.approx(41)


@pytest.mark.parametrize("name, blocks", [("resnet50", 16), ("mobilenet_v2_035", 10), ("resnet20", 9)])
def test_residual_blocks_of_random_networks_begin_as_the_identity(name, blocks):
    built = backbone.build(name, 32, "none", False, "none").network

    additions = [layer for layer in built.layers if isinstance(layer, keras.layers.Add)]
    assert len(additions) == blocks
    ends = keras.Model(built.input, [tensor for layer in additions for tensor in (layer.input[0], layer.output)])
    outputs = ends(np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32"))
    for before, after in zip(outputs[::2], outputs[1::2]):
        np.testing.assert_array_equal(before, after)


def test_weights_file_is_loaded_into_the_layers_of_the_same_name(small_backbone, complete_file):
    built = network.build(settings(weights=complete_file), AGES)

    for part in (built.stem.get_layer("frozen_backbone"), built.tail.get_layer("trained_backbone")):
        for layer in part.layers[1:]:
            for mine, theirs in zip(layer.get_weights(), small_backbone.get_layer(layer.name).get_weights()):
                np.testing.assert_array_equal(mine, theirs)


def test_partial_file_is_taken_on_request_and_refused_otherwise(small_backbone, partial_file):
    built = network.build(settings(weights=partial_file, weights_partial=True), AGES)

    kernel = built.stem.get_layer("frozen_backbone").get_layer("Conv1").get_weights()[0]
    np.testing.assert_array_equal(kernel, small_backbone.get_layer("Conv1").get_weights()[0])
    with pytest.raises(BadInput, match=r"lacks \d+ of \d+ layers \(the first is block_13_expand\).*weights_partial=true"):
        network.build(settings(weights=partial_file), AGES)


def test_layers_that_the_file_lacks_learn_at_the_rate_of_the_head(partial_file):
    built = network.build(settings(weights=partial_file, weights_partial=True), AGES)

    new = {path.split("/")[0] for path in built.new_variables}
    assert {"dense", "standard_age", "block_13_expand", "block_16_project", "Conv_1"} <= new
    assert not any(name.startswith(("block_12", "bn_Conv1")) for name in new)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(small_backbone, tmp_path, value):
    damaged = keras.models.clone_model(small_backbone)
    layer = damaged.get_layer("block_6_expand")
    kernel = layer.get_weights()[0]
    kernel[0, 0, 1, :3] = value
    layer.set_weights([kernel])
    file = write_weights(tmp_path / "damaged.h5", damaged)

    with pytest.raises(
        BadInput, match=rf"{file}: 3 of \d+ values in a weight of the layer block_6_expand are NaN or infinite"
    ):
        network.build(settings(weights=file), AGES)


def test_layers_that_the_file_lacks_can_not_be_frozen(partial_file):
    with pytest.raises(BadInput, match="would freeze block_13_expand, which the weights file lacks"):
        network.build(settings(weights=partial_file, weights_partial=True, freeze_through="all"), AGES)


def test_same_weights_have_the_same_digest_and_others_another(complete_file):
    def digest(**changes):
        return network.build(settings(weights=complete_file, **changes), AGES).stem_digest()

    keras.utils.set_random_seed(1)
    first = digest()
    keras.utils.set_random_seed(2)
    assert digest(dense_units=16, learning_rate=0.5) == first
    assert digest(freeze_through="block_5_add") != first


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"freeze_through": "block_99"}, "'block_99' is no layer of mobilenet_v2_035. Expected 'auto'"),
        ({"freeze_through": "block_5_project"}, "does not cut the backbone in two"),
        ({"weights": "/nowhere/weights.h5"}, "there is no such file"),
        (
            {"backbone": "resnet20", "weights": "imagenet"},
            "^trainer.weights: there are no ImageNet weights for this backbone.*'none', or choose another trainer.backbone",
        ),
        ({"weights": __file__}, "not an HDF5 file"),
        ({"backbone": "inception_v3"}, "trainer.image_size is 32, for which inception_v3 can't be built: .*at least"),
        (
            {"backbone": "inception_v3", "weights": "imagenet"},
            "trainer.image_size is 32, for which inception_v3 can't be built",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(changes, sentence):
    with pytest.raises(BadInput, match=sentence):
        network.build(settings(**changes), AGES)


def test_weights_of_another_network_are_refused(complete_file):
    with pytest.raises(BadInput, match="has none of the 106 layers of this backbone"):
        network.build(settings(backbone="resnet50", weights=complete_file), AGES)


def test_imagenet_without_a_network_says_what_to_do(tmp_path, monkeypatch):
    # Nothing listens on the discard port, so that the download fails on every machine.
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    # The first download keeps the proxies that it found, for whatever the process opens later.
    monkeypatch.setattr(urllib.request, "_opener", None)
    monkeypatch.setattr(keras.src.utils.file_utils.config, "keras_home", lambda: str(tmp_path))

    with pytest.raises(ServiceUnavailable, match="ImageNet weights could not be downloaded.*Connect to the internet, or set"):
        network.build(settings(weights="imagenet", image_size=96), AGES)


def test_real_partial_weights_of_resnet50_fit(shared_weights):
    path = shared_weights / "resnet50_notop_through_conv4_block6_out.h5"

    built = network.build(settings(backbone="resnet50", image_size=64, weights=str(path), weights_partial=True), AGES)

    assert built.stem.output.shape[1:] == (2, 2, 1024)

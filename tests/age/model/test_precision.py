"""In which numbers a network computes while it is trained."""

import keras
import numpy as np
import pytest

from age.model import backbone, backbone_table, network, precision
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(2)
    settings = TrainerSettings(
        backbone="resnet20", image_size=32, weights="none", freeze_through="stage2_block3_out", loss="label_distribution"
    )
    built = network.build(settings, network.TrainingAges.of(np.array([20.0, 40.0, 60.0])))
    output = built.tail.get_layer("age_logits")
    output.kernel.assign(keras.random.normal(output.kernel.shape, stddev=1.0, seed=1))
    return built


def layers(name):
    return backbone._network(backbone_table.get(name), 96, None).layers


@pytest.mark.parametrize(
    "flags, has",
    [
        ("fpu avx512f avx512_bf16 sha_ni", True),
        ("fpu amx_bf16 amx_tile", True),
        ("fpu avx512f avx512_vnni", False),
        ("", False),
    ],
)
def test_a_processor_is_asked_for_what_multiplies_bfloat16(tmp_path, flags, has):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\nmodel name\t: avx512_bf16\nflags\t\t: {flags}\n\nprocessor\t: 1\n")

    assert precision._cpu_computes_bfloat16(str(cpuinfo)) is has


def test_where_nothing_lists_what_the_processor_can_it_computes_in_float32(tmp_path):
    assert not precision._cpu_computes_bfloat16(str(tmp_path / "missing"))


@pytest.mark.parametrize(
    "name, taken",
    [("resnet50", "mixed_bfloat16"), ("mobilenet", "float32"), ("xception", "float32"), ("resnet20", "float32")],
)
def test_a_cpu_takes_bfloat16_for_wide_dense_convolutions_alone(monkeypatch, name, taken):
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(precision, "_cpu_computes_bfloat16", lambda: True)

    assert precision.chosen("auto", layers(name)) == taken


def test_a_cpu_without_bfloat16_takes_float32_unless_told_otherwise(monkeypatch):
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(precision, "_cpu_computes_bfloat16", lambda: False)

    assert precision.chosen("auto", layers("resnet50")) == "float32"
    assert precision.chosen("mixed_bfloat16", layers("resnet50")) == "mixed_bfloat16"


@pytest.mark.parametrize("capability, taken", [((9, 0), "mixed_bfloat16"), ((7, 5), "mixed_float16"), ((6, 1), "float32")])
def test_a_gpu_is_chosen_for_by_its_generation(monkeypatch, capability, taken):
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: ["a GPU"])
    monkeypatch.setattr(precision.tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": capability})

    assert precision.chosen("auto", []) == taken


def test_float16_without_a_gpu_is_refused_in_a_sentence(monkeypatch):
    monkeypatch.setattr(precision.tf.config, "list_physical_devices", lambda kind: [])

    with pytest.raises(BadInput, match="mixed_float16 and TensorFlow sees no GPU.*mixed_bfloat16"):
        precision.chosen("mixed_float16", [])


def test_only_float16_has_its_loss_scaled():
    adam = keras.optimizers.Adam()

    assert isinstance(precision.scaled(adam, "mixed_float16"), keras.optimizers.LossScaleOptimizer)
    assert precision.scaled(adam, "mixed_bfloat16") is adam


def test_a_network_computes_in_its_precision_and_afterwards_in_float32_with_the_same_variables(net):
    colours = np.random.default_rng(0).uniform(0, 255, size=(64, 1, 1, 3))
    images = np.broadcast_to(colours, (64, 32, 32, 3)).astype("float32")
    before = net.whole(images, training=False).numpy()

    with precision.computing_in("mixed_bfloat16", net.backbone):
        features = net.stem(images, training=False)
        digest = net.stem_digest()
        during = net.whole(images, training=False).numpy()
    after = net.whole(images, training=False).numpy()

    assert features.dtype == "bfloat16" and net.stem(images, training=False).dtype == "float32"
    assert {variable.dtype for variable in net.whole.weights} == {"float32"}
    assert digest != net.stem_digest()
    np.testing.assert_array_equal(after, before)
    assert before.std() > 1 and 0 < np.abs(during - before).mean() < 0.05

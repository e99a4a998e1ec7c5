"""A network trained on several devices. These are two parts of one processor, in a process of its own."""

import json
import subprocess
import sys

import numpy as np
import pytest

SETTINGS = {
    "backbone": "resnet20",
    "image_size": 32,
    "weights": "none",
    # One block with batch normalisation is trained, on the images and their mirror images.
    "freeze_through": "stage3_block2_out",
    "views": 2,
    "dense_units": 16,
    # Each device draws its own.
    "dropout": 0,
    # Five steps; in the last one, three of six photographs for each device.
    "batch_size": 16,
    "epochs": 2,
    "loss": "label_distribution",
    "gradient_norm": 1.0,
    "ema_momentum": 0.9,
    "learning_rate": 0.003,
}

ON_ONE_AND_ON_TWO = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from age.model import example_reading, fitting, replicas, training
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput

directory, settings, train_files, validation_files = json.loads(sys.argv[1])
settings, said = TrainerSettings(**settings), {}
splits = [example_reading.Split.read(files) for files in (train_files, validation_files)]
one, two = tf.distribute.get_strategy(), tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
for name, strategy in (("one", one), ("two", two)):
    with strategy.scope():
        net = training.build_network(settings, splits[0].labels)
        record = fitting.train(net, settings, *splits, directory)
        weights = [weight.numpy().ravel().tolist() for weight in net.tail.weights]
        said[name] = {"history": record.history, "weights": weights}
with two.scope():
    odd = tf.data.Dataset.from_tensor_slices((tf.range(7), tf.range(7.0))).batch(4)
    parts = two.experimental_distribute_dataset(replicas.in_equal_shares(odd))
    said["shares"] = [[part.numpy().tolist() for part in two.experimental_local_results(rows)] for rows, _ in parts]
    try:
        replicas.check(TrainerSettings(accumulate_batches=2))
    except BadInput as refused:
        said["refused"] = str(refused)
with open(f"{directory}/said.json", "w") as file:
    json.dump(said, file)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory, train_files, validation_files):
    directory = tmp_path_factory.mktemp("replicas")
    request = json.dumps([str(directory), SETTINGS, train_files, validation_files])
    ended = subprocess.run([sys.executable, "-c", ON_ONE_AND_ON_TWO, request], capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    return json.loads((directory / "said.json").read_text())


def test_two_devices_learn_what_one_learns_from_the_same_batches(said):
    one, two = said["one"], said["two"]

    assert list(one["history"]) == list(two["history"])
    for measured, values in one["history"].items():
        np.testing.assert_allclose(two["history"][measured], values, rtol=1e-3, err_msg=measured)
    for ours, expected in zip(two["weights"], one["weights"], strict=True):
        # Adam makes much of the last digits of small gradients, in which sums of two halves differ.
        assert np.linalg.norm(np.subtract(ours, expected)) <= 0.01 * np.linalg.norm(expected) + 1e-6


def test_a_batch_that_can_not_be_shared_out_repeats_its_first_images(said):
    assert said["shares"] == [[[0, 1], [2, 3]], [[4, 5], [6, 4]]]


def test_accumulating_on_several_devices_is_refused_in_a_sentence(said):
    assert said["refused"].startswith("trainer.accumulate_batches is 2 and there are 2 GPUs")

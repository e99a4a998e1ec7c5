"""Several networks, trained one after another, that answer as one model."""

import pathlib
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pydantic
import pytest
import tensorflow as tf
from keras.src.legacy.saving import legacy_h5_format

from age import progress
from age.model import age_distribution, backbone, backbone_table, ensemble, export, network, training
from tests.age.model import small_network

ENSEMBLE = {
    "epochs": 2,
    "loss": "label_distribution",
    "mirror_averaging": True,
    "members": [{"freeze_through": "all"}, {"seed": 1, "head_rate": 2.0}],
}
AGES = network.TrainingAges.of(np.array([13.0, 33.0, 53.0]))
IMAGES = np.random.default_rng(0).uniform(0, 255, size=(3, 32, 32, 3)).astype("float32")


def settings(**changes):
    return small_network.settings(**{**ENSEMBLE, **changes})


def built(weights_seed, cut, **changes):
    keras.utils.set_random_seed(weights_seed)
    net = network.build(settings(freeze_through=cut, **changes), AGES)
    keras.utils.set_random_seed(weights_seed + len(cut))
    for variable in net.tail.trainable_variables:
        variable.assign_add(keras.random.normal(variable.shape, stddev=0.05))
    return net


def frozen_parts(model):
    return [[*part.output] for part in model.layers if part.name.startswith("frozen")]


def test_the_answer_is_the_mean_of_the_distributions_and_what_is_frozen_in_all_members_is_run_once():
    cuts = ["stage2_block3_out", "stage1_block3_out", "stage2_block3_out"]
    members = [built(7, cut) for cut in cuts]

    joined = ensemble.joined(members, settings())

    alone = [tf.nn.softmax(member.trained(IMAGES, training=False)).numpy() for member in members]
    assert np.abs(alone[0] - alone[1]).max() > 1e-4
    together = tf.nn.softmax(joined.trained(IMAGES, training=False)).numpy()
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-3, atol=1e-6)
    ages = together @ age_distribution.years()
    np.testing.assert_allclose(joined.whole(IMAGES, training=False)[:, 0], ages, rtol=1e-4)
    assert frozen_parts(joined.trained) == [["stage1_block3_out", "stage2_block3_out"]]


def test_members_whose_frozen_layers_differ_keep_their_own():
    members = [built(7, "stage2_block3_out"), built(8, "stage2_block3_out"), built(7, "none")]

    joined = ensemble.joined(members, settings())

    alone = [tf.nn.softmax(member.trained(IMAGES, training=False)).numpy() for member in members]
    together = tf.nn.softmax(joined.trained(IMAGES, training=False)).numpy()
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-3, atol=1e-6)
    assert len(frozen_parts(joined.trained)) == 2


def test_networks_that_learn_one_number_answer_with_the_mean_age():
    members = [built(seed, "stage2_block3_out", loss="mae") for seed in (7, 8)]

    joined = ensemble.joined(members, settings(loss="mae"))

    alone = [member.whole(IMAGES, training=False).numpy() for member in members]
    np.testing.assert_allclose(joined.whole(IMAGES, training=False), np.mean(alone, axis=0), rtol=1e-4)


def test_each_member_is_the_section_but_for_what_it_names_and_all_see_the_same_views():
    whole = settings(members=[{"seed": 3}, {"freeze_through": "none", "epochs": 7}], max_minutes=10)

    first, second = whole.networks()

    assert (first.seed, first.freeze_through, first.epochs) == (3, "stage2_block3_out", 2)
    assert (second.seed, second.freeze_through, second.epochs) == (0, "none", 7)
    assert {each.views_seed for each in (first, second)} == {0}
    assert {each.max_minutes for each in (first, second)} == {5.0}
    assert settings(members=[]).networks() == [settings(members=[])]


@pytest.mark.parametrize(
    "members, said",
    [
        ([{"seed": 1}, {"seed": 1}], "members 1 and 2 are the same network"),
        ([{"seed": 1}, {"dropout": 1.5}], "member 2: dropout is 1.5; input should be less than 1"),
        ([{"backbone": "resnet50"}], "members.0.backbone\n  Extra inputs are not permitted"),
    ],
)
def test_members_that_can_not_be_are_refused(members, said):
    with pytest.raises(pydantic.ValidationError, match=said):
        settings(members=members)


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory):
    """Weights that all members start from, so that what they have frozen is the same."""
    keras.utils.set_random_seed(5)
    path = tmp_path_factory.mktemp("weights") / "resnet20.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, backbone._network(backbone_table.get("resnet20"), 32, None))
    return str(path)


def train(directory, weights_file, train_files, validation_files, **changes):
    return small_network.train(directory, train_files, validation_files, weights=weights_file, **ENSEMBLE, **changes)


def resident_features(directory):
    """Returns the files of the feature cache of which this process holds something in memory."""
    resident, path = set(), ""
    for line in pathlib.Path("/proc/self/smaps").read_text().splitlines():
        first, *rest = line.split()
        if not first.endswith(":"):
            path = rest[-1]
        elif first == "Rss:" and rest[0] != "0" and str(directory / "cache") in path:
            resident.add(path)
    return resident


@pytest.fixture(scope="module")
def trained(tmp_path_factory, weights_file, train_files, validation_files):
    """An ensemble, its record, and which features it held in memory at the end of each epoch."""
    directory, resident = tmp_path_factory.mktemp("ensemble"), {}

    def look(report):
        if report.doing.startswith("Training"):
            resident[report.doing] = resident_features(directory)

    with progress.listening(look):
        record = train(directory, weights_file, train_files, validation_files)
    return directory, record, resident


def test_an_ensemble_is_exported_as_one_model_whose_intervals_are_its_own(trained, validation_files):
    directory, record, _ = trained
    answered, ages = small_network.answers(directory, validation_files)

    assert set(answered) == {export.AGE_OUTPUT, export.LOW_OUTPUT, export.HIGH_OUTPUT}
    # What was measured of the mean is what the exported model answers.
    assert np.abs(answered["age"] - ages).mean() == pytest.approx(record["validation_mae"], abs=1e-3)
    held = (answered["age_low"] <= ages) & (ages <= answered["age_high"])
    assert held.mean() >= 0.9


def test_an_ensemble_tells_the_features_of_all_its_members(trained, validation_files):
    directory, _, _ = trained
    module = tf.saved_model.load(str(directory / "model"))
    records = [record.numpy() for record in tf.data.TFRecordDataset(tf.io.gfile.glob(validation_files))]
    images = [tf.train.Example.FromString(one).features.feature["image/encoded"].bytes_list.value[0] for one in records]

    told = module.signatures["features"](image_bytes=tf.constant(images))

    alone = module.signatures["serving_default"](image_bytes=tf.constant(images[:1]))["age"]
    np.testing.assert_allclose(told["age"], small_network.answers(directory, validation_files)[0]["age"], rtol=1e-4)
    np.testing.assert_allclose(told["age"][:1], alone, rtol=1e-4)
    assert len(told["features"]) == 21 and np.isfinite(told["features"]).all()
    halves = np.split(told["features"].numpy(), 2, axis=1)
    assert not np.allclose(*halves)


def test_the_record_tells_of_every_member(trained):
    directory, record, _ = trained

    assert [member["differs"] for member in record["members"]] == ENSEMBLE["members"]
    assert record["members"][0]["history"] != record["members"][1]["history"]
    assert record["history"] == record["members"][0]["history"]
    assert not list((directory / "checkpoints").iterdir())
    logs = {path.relative_to(directory / "log").parts[0] for path in directory.glob("log/**/events.out.tfevents.*")}
    assert logs == {"member_1", "member_2"}


def test_a_member_holds_its_own_features_in_memory_and_not_those_of_the_one_before(trained):
    directory, _, resident = trained

    first, second = (resident[f"Training member {number} of 2, epoch 2 of 2"] for number in (1, 2))
    assert first and second and not first & second
    assert len(list((directory / "cache").glob("*.npy"))) == 4, "one for each split at each of two cuts"


def test_members_that_are_cut_alike_share_features(weights_file):
    first, second, deeper = (
        training.build_network(each, SimpleNamespace(ages=np.array([20.0, 40.0], np.float32)))
        for each in settings(weights=weights_file, members=[{"seed": 0}, {"seed": 1}, {"freeze_through": "all"}]).networks()
    )

    assert first.stem_digest() == second.stem_digest() != deeper.stem_digest()


def test_an_interrupted_ensemble_ends_as_an_uninterrupted_one(trained, weights_file, train_files, validation_files, tmp_path):
    directory, record, _ = trained

    def interrupt(report):
        if report.done and report.doing == "Training member 2 of 2, epoch 2 of 2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.listening(interrupt):
        train(tmp_path, weights_file, train_files, validation_files, cache=directory / "cache")
    left = len(list((tmp_path / "checkpoints").glob("*.npz")))
    resumed = train(tmp_path, weights_file, train_files, validation_files, cache=directory / "cache")

    assert left == 2
    assert [member["history"] for member in resumed["members"]] == [member["history"] for member in record["members"]]
    as_before, _ = small_network.answers(tmp_path, validation_files)
    for name, ages in small_network.answers(directory, validation_files)[0].items():
        np.testing.assert_array_equal(as_before[name], ages)

"""A training in stages: each goes on from the weights of the one before, with other layers frozen."""

import keras
import numpy as np
import pydantic
import pytest

from age.model import example_reading, network, training
from age.model.settings import TrainerInputs
from tests.age.model import small_network

AGES = network.TrainingAges.of(np.array([13.0, 33.0, 53.0]))
IMAGES = np.random.default_rng(0).uniform(0, 255, size=(3, 32, 32, 3)).astype("float32")
STAGES = [{"freeze_through": "all", "epochs": 2}, {"epochs": 1, "learning_rate": 0.001}]


def test_each_stage_is_the_section_but_for_what_it_names():
    whole = small_network.settings(
        epochs=6,
        max_minutes=8,
        stages=[{"freeze_through": "all", "epochs": 2}, {"head_rate": 3, "augmentation": {"zoom": 0.2}}],
    )

    first, second = whole.in_stages()

    assert (first.freeze_through, first.epochs, first.head_rate) == ("all", 2, 1.0)
    assert (second.freeze_through, second.epochs, second.head_rate) == ("stage2_block3_out", 6, 3.0)
    assert (first.augmentation, second.augmentation.zoom) == (whole.augmentation, 0.2)
    assert (first.max_minutes, second.max_minutes) == (2.0, 6.0)
    assert first.in_stages() == [first]


def test_a_member_of_an_ensemble_may_have_stages_of_its_own():
    first, second = small_network.settings(members=[{"stages": STAGES}, {"seed": 1}]).networks()

    assert [each.freeze_through for each in first.in_stages()] == ["all", "stage2_block3_out"]
    assert second.in_stages() == [second]


@pytest.mark.parametrize(
    "stages, said",
    [
        ([{"epochs": 3}, {"epochs": 0}], "stage 2: epochs is 0; input should be greater than or equal to 1"),
        ([{"augmentation": {"zoom": 2}}], "stages.0.augmentation.zoom\n  Input should be less than 1"),
        ([{"dropout": 0.1}], "stages.0.dropout\n  Extra inputs are not permitted"),
    ],
)
def test_stages_that_can_not_be_are_refused(stages, said):
    with pytest.raises(pydantic.ValidationError, match=said):
        small_network.settings(stages=stages)


def built(seed, cut):
    keras.utils.set_random_seed(seed)
    return network.build(small_network.settings(freeze_through=cut, loss="label_distribution"), AGES)


@pytest.mark.parametrize("later_cut", ["stage2_block3_out", "none"])
def test_a_stage_begins_with_the_answers_that_the_one_before_ended_with(later_cut):
    before, after = built(1, "all"), built(2, later_cut)
    ended_with = before.trained(IMAGES, training=False).numpy()
    assert np.abs(after.trained(IMAGES, training=False).numpy() - ended_with).max() > 0.1

    after.take_weights(before)

    np.testing.assert_allclose(after.trained(IMAGES, training=False), ended_with, rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, train_files, validation_files):
    directory = tmp_path_factory.mktemp("stages")
    return directory, small_network.train(directory, train_files, validation_files, stages=STAGES)


def test_the_record_has_the_epochs_of_all_stages_and_the_weights_are_the_last_ones_best(trained, validation_files):
    directory, record = trained
    answered, ages = small_network.answers(directory, validation_files)

    assert record["stage_epochs"] == [2, 1] and record["epochs_run"] == 3
    assert {len(values) for values in record["history"].values()} == {3}
    assert record["best_epoch"] == 3 and record["validation_mae"] == record["history"]["val_mae"][2]
    assert np.abs(answered["age"] - ages).mean() == pytest.approx(record["validation_mae"], abs=0.1)
    assert record["frozen_through"] == "stage2_block3_out"
    assert len(list((directory / "cache").glob("*.npy"))) == 4, "one for each split at each of two cuts"
    assert not list((directory / "checkpoints").iterdir())
    assert {path.name for path in (directory / "log").glob("stage_*")} == {"stage_1", "stage_2"}


@pytest.fixture
def fitted(trained, train_files, validation_files, tmp_path):
    """Trains without exporting; returns the network."""
    directory, _ = trained
    splits = [example_reading.Split.read(files) for files in (train_files, validation_files)]

    def fit(**changes):
        inputs = TrainerInputs(settings=small_network.settings(**changes), feature_cache_dir=str(directory / "cache"))
        (finished,) = training._all_trained(inputs, *splits, str(tmp_path))
        return finished.net

    return fit


def test_a_stage_goes_on_with_the_weights_that_the_one_before_ended_with(fitted):
    first, second = {"freeze_through": "all", "epochs": 1}, {"epochs": 1, "learning_rate": 1e-9}

    alone, both = fitted(**first), fitted(stages=[first, second])

    for one, other in zip(alone.head, both.head, strict=True):
        for ended_with, goes_on_from in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_allclose(goes_on_from, ended_with, atol=1e-5)
    assert both.cut == "stage2_block3_out" and alone.cut != both.cut


def test_answers_are_moved_away_from_the_ages_that_are_many(fitted, train_files):
    shares = network.TrainingAges.of(example_reading.read_labels(train_files).ages).shares

    plain, moved = (
        fitted(freeze_through="all", epochs=1, loss="label_distribution", logit_adjustment=strength) for strength in (0.0, 0.4)
    )

    apart = moved.trained(IMAGES, training=False) - plain.trained(IMAGES, training=False)
    np.testing.assert_allclose(apart, np.tile(-0.4 * np.log(shares), (3, 1)), atol=1e-3)

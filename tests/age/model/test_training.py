"""Training as TFX's Trainer calls it."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from age import progress
from age.drift import reference
from age.model import fitting, training
from age.model.settings import TrainerSettings
from age.serving import model_outputs
from schemas.failures import TrainingDiverged
from tests.age.model import small_network


def train(directory, train_files, validation_files, **changes):
    changes = {"epochs": 4, "provenance": {"recipe": "r1"}, **changes}
    training.run_fn(FnArgs(**small_network.arguments(directory, train_files, validation_files, **changes)))
    return small_network.record(directory)


def predictions(directory, files):
    answered, ages = small_network.answers(directory, files)
    return answered["age"], ages


@pytest.fixture(scope="module")
def trained(tmp_path_factory, train_files, validation_files):
    directory = tmp_path_factory.mktemp("trained")
    return directory, train(directory, train_files, validation_files)


def test_exported_model_has_the_best_epochs_weights(trained, validation_files):
    directory, record = trained
    predicted, ages = predictions(directory, validation_files)

    history = record["history"]["val_mae"]
    assert record["validation_mae"] == min(history)
    assert record["best_epoch"] == history.index(min(history)) + 1
    # The cache holds float16 features; serving computes in float32.
    assert np.abs(predicted - ages).mean() == pytest.approx(min(history), abs=0.1)


def test_same_seed_gives_the_same_model_and_another_seed_another(trained, train_files, validation_files, tmp_path):
    directory, record = trained

    # One time the features are computed afresh, the other time they are found: it must not matter.
    again = train(tmp_path, train_files, validation_files, cache=directory / "cache")
    other = train(tmp_path / "other", train_files, validation_files, seed=1, epochs=1)

    assert record["feature_cache"]["computed"] and not again["feature_cache"]["computed"]
    np.testing.assert_allclose(again["history"]["val_mae"], record["history"]["val_mae"], rtol=1e-5)
    np.testing.assert_allclose(
        predictions(tmp_path, validation_files)[0], predictions(directory, validation_files)[0], rtol=1e-4
    )
    assert other["history"]["loss"][0] != pytest.approx(record["history"]["loss"][0], rel=1e-4)


def test_training_reports_features_epochs_and_the_errors_that_keras_recorded(train_files, validation_files, tmp_path):
    heard = []

    with progress.listening(heard.append):
        record = train(tmp_path, train_files, validation_files, epochs=2)

    doings = list(dict.fromkeys(report.doing for report in heard))
    assert [doing.split(" (")[0] for doing in doings[:2]] == [
        "Computing the features of images once, 3 views each",
        "Computing the features of images once",
    ]
    assert [report.done for report in heard if report.doing == doings[0]] == [0, 32, 64, 70]
    assert doings[2:4] == ["Training, epoch 1 of 2", "Training, epoch 2 of 2"]
    for epoch in (0, 1):
        (last,) = [report for report in heard if report.doing == doings[2 + epoch] and report.done == report.total]
        mae, validation_mae = record["history"]["mae"][epoch], record["history"]["val_mae"][epoch]
        assert last.detail == f"MAE {mae:.2f} years, validation MAE {validation_mae:.2f}"
        assert (last.total, last.unit) == (5, "steps")
    assert doings[-1] == "Exporting the model"
    (outcome,) = [report.doing for report in heard if report.outcome]
    assert outcome == f"best validation MAE {record['validation_mae']:.2f} years, in epoch {record['best_epoch']}"


def test_nothing_frozen_trains_the_whole_network_on_varied_images(train_files, validation_files, tmp_path):
    record = train(tmp_path, train_files, validation_files, freeze_through="none", epochs=1, loss="huber", optimizer="adam")

    assert record["frozen_through"] is None
    assert record["feature_cache"]["views"] == 1
    assert predictions(tmp_path, validation_files)[0].shape == (21,)


@pytest.mark.parametrize("freeze_through", ["none", "stage2_block3_out"])
def test_without_a_feature_cache_images_are_streamed_and_nothing_is_kept(
    train_files, validation_files, tmp_path, freeze_through
):
    record = train(tmp_path, train_files, validation_files, feature_cache=False, freeze_through=freeze_through, epochs=2)
    predicted, ages = predictions(tmp_path, validation_files)

    assert not (tmp_path / "cache").exists() and record["feature_cache"] is None
    assert record["training_examples"] == 70 and record["epochs_run"] == 2
    assert np.abs(predicted - ages).mean() == pytest.approx(record["validation_mae"], abs=1e-3)


def test_early_stopping_ends_training(train_files, validation_files, tmp_path):
    record = train(
        tmp_path, train_files, validation_files, epochs=40, early_stopping_patience=1, learning_rate=0.02, loss="mse"
    )

    assert record["epochs_run"] < 40
    assert record["epochs_run"] == record["best_epoch"] + 1


def test_logs_for_tensorboard_and_provenance_are_written(trained):
    directory, _ = trained

    assert list(directory.glob("log/**/events.out.tfevents.*"))
    provenance = json.loads((directory / "model/assets.extra/provenance.json").read_text())
    assert provenance.pop("environment")["device"] == "CPU"
    assert provenance == {"recipe": "r1", "precision": "float32"}


def test_a_distribution_over_years_is_exported_as_ages_that_a_mirror_does_not_change(tmp_path, train_files, validation_files):
    history = train(
        tmp_path,
        train_files,
        validation_files,
        loss="label_distribution",
        pooled_layers=["stage2_block3_out"],
        head_rate=2.0,
        gradient_norm=5.0,
        ema_momentum=0.9,
        label_density_strength=0.5,
        mirror_averaging=True,
        augmentation={"saturation": 0.3, "erasing": 0.2},
    )

    answered, _ = predictions(tmp_path, validation_files[0])
    mean_age_error = 22.5  # of ages drawn evenly from 1 to 90
    assert history["validation_mae"] < mean_age_error and np.isfinite(answered).all()

    module = tf.saved_model.load(str(tmp_path / "model"))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    both = [tf.io.encode_png(pixels), tf.io.encode_png(pixels[:, ::-1])]
    one, other = module.signatures["serving_default"](tf.stack(both))["age"].numpy()
    assert one == pytest.approx(other, abs=1e-3)

    answers = module.signatures["serving_default"](tf.constant([b"no image", both[0].numpy(), *[both[1].numpy()] * 40]))
    names = ("age_low", "age", "age_high")
    low, age, high = (answers[name].numpy() for name in names)
    assert set(answers) == set(names) == model_outputs.names(str(tmp_path / "model"))
    assert np.isnan([low[0], age[0], high[0]]).all() and len(low) == 42
    assert (low[1:] <= age[1:]).all() and (age[1:] <= high[1:]).all()
    records = [record.numpy() for record in tf.data.TFRecordDataset(tf.io.gfile.glob(validation_files[0]))]
    seen = module.signatures["serving_examples"](tf.constant(records))
    real = [tf.train.Example.FromString(one).features.feature["age"].float_list.value[0] for one in records]
    assert ((seen["age_low"].numpy() <= real) & (real <= seen["age_high"].numpy())).mean() >= 0.9


def test_divergence_is_said_in_a_sentence():
    with pytest.raises(TrainingDiverged, match="Training diverged: .* Lower trainer.learning_rate"):
        fitting._check_history({"loss": [3.0, float("nan")], "val_mae": [9.0]}, TrainerSettings())


def test_the_exported_model_tells_what_its_answers_are_read_from(trained, validation_files):
    directory, _ = trained
    module = tf.saved_model.load(str(directory / "model"))
    records = [record.numpy() for record in tf.data.TFRecordDataset(tf.io.gfile.glob(validation_files))]
    examples = [tf.train.Example.FromString(record).features.feature for record in records]
    images = [each["image/encoded"].bytes_list.value[0] for each in examples]

    told = module.signatures["features"](image_bytes=tf.constant([*images, b"no image"]))

    answered = module.signatures["serving_default"](image_bytes=tf.constant(images))["age"]
    np.testing.assert_allclose(told["age"][:-1], answered, rtol=1e-4)
    features = told["features"].numpy()
    assert features.shape == (22, small_network.SETTINGS["dense_units"]) and np.isnan(features[-1]).all()
    # The last layer is linear in them.
    with_constant = np.column_stack([features[:-1], np.ones(21)])
    weights, *_ = np.linalg.lstsq(with_constant, answered.numpy(), rcond=None)
    np.testing.assert_allclose(with_constant @ weights, answered, atol=0.05)


def test_the_exported_model_keeps_what_it_saw_in_the_validation_split(trained, validation_files):
    directory, _ = trained
    predicted, ages = predictions(directory, validation_files)

    kept = reference.read(str(directory / "model"))

    assert sorted(kept.real_ages) == sorted(ages)
    np.testing.assert_allclose(sorted(kept.predicted_ages), sorted(predicted), rtol=1e-4)
    assert set(kept.widths) == set(kept.heights) == {32}
    assert ((kept.brightness > 0) & (kept.brightness < 1)).all()


def test_a_model_trained_in_bfloat16_is_exported_in_float32_and_answers_alike(train_files, validation_files, tmp_path):
    record = train(tmp_path, train_files, validation_files, precision="mixed_bfloat16", loss="label_distribution")
    predicted, ages = predictions(tmp_path, validation_files)

    assert record["precision"] == "mixed_bfloat16"
    provenance = json.loads((tmp_path / "model" / "assets.extra" / "provenance.json").read_text())
    del provenance["environment"]
    assert provenance == {"recipe": "r1", "precision": "mixed_bfloat16"}
    module = tf.saved_model.load(str(tmp_path / "model"))
    graph = module.signatures["serving_default"].graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    kinds = {node.attr["T"].type for node in nodes if node.op == "Conv2D"}
    assert kinds == {tf.float32.as_datatype_enum}
    assert np.abs(predicted - ages).mean() == pytest.approx(record["validation_mae"], abs=0.05)

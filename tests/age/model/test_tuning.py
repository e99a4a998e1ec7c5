"""A search for hyperparameters as TFX's Tuner runs it."""

import pathlib
from types import SimpleNamespace

import pytest
import tensorflow as tf

from age import progress
from age.model import trial_record, tuning
from age.model.search_space import TunerSettings
from age.model.settings import TrainerSettings
from age.reporting import trials
from schemas.bad_input import BadInput
from schemas.failures import TrainingDiverged
from schemas.verdict import Trial

SETTINGS = {
    "backbone": "resnet20",
    "image_size": 32,
    "weights": "none",
    "freeze_through": "all",
    "views": 2,
    "dense_units": 16,
    "dropout": 0.0,
    "batch_size": 16,
    "epochs": 2,
    "learning_rate": 0.003,
}
SPACE = {
    "trainer.learning_rate": {"min": 1e-3, "max": 1e-1, "log": True},
    "trainer.dropout": [0, 0.4],
    "trainer.batch_size": {"min": 8, "max": 32},
}


def search(directory, train_files, validation_files, **tuner):
    tuner = {"space": SPACE, "method": "random", "max_trials": 3, "max_minutes": 0, **tuner}
    inputs = tuning.TunerInputs(
        settings=TrainerSettings(**SETTINGS),
        tuner=TunerSettings(**tuner),
        feature_cache_dir=str(directory / "cache"),
        search_dir=str(directory / "searches"),
    )
    arguments = SimpleNamespace(train_files=train_files, eval_files=validation_files, custom_config=inputs.model_dump())
    return tuning.tuner_fn(arguments).tuner


class Killed(BaseException):
    """Stands for a process that ends in the middle of a step."""


@pytest.fixture(scope="module")
def searched(tmp_path_factory, train_files, validation_files):
    """A search that was killed at the end of the second epoch of its second trial, and then went on; what was heard since."""
    directory, heard = tmp_path_factory.mktemp("searched"), []

    def kill(report):
        if "trial 2" in said[-1:] and report.doing.startswith("Training, epoch 2") and report.done:
            raise Killed
        if report.doing.startswith("Trial 2"):
            said.append("trial 2")

    said = []
    begun = search(directory, train_files, validation_files)
    with pytest.raises(Killed), progress.listening(kill):
        begun.search()
    going_on = search(directory, train_files, validation_files)
    before = [trial.model_copy() for trial in going_on.record.trials]
    with progress.listening(heard.append):
        going_on.search()
    return SimpleNamespace(directory=directory, before=before, search=going_on, heard=heard)


def test_the_first_trial_is_the_configuration_as_it_stands(searched):
    first, *others = searched.search.record.trials

    assert first.values == {"trainer.learning_rate": 0.003, "trainer.dropout": 0.0, "trainer.batch_size": 16}
    assert len({str(trial.values) for trial in (first, *others)}) == 3
    for trial in others:
        assert 1e-3 <= trial.values["trainer.learning_rate"] <= 1e-1
        assert trial.values["trainer.dropout"] in (0, 0.4)
        assert trial.values["trainer.batch_size"] in range(8, 33)


def test_a_killed_search_goes_on_with_the_trial_that_was_interrupted_from_its_checkpoint(searched):
    assert [trial.status for trial in searched.before] == ["finished", "begun"]
    doings = list(dict.fromkeys(report.doing for report in searched.heard))
    assert [doing.split(":")[0] for doing in doings if doing.startswith("Trial")] == [
        "Trial 2 of at most 3",
        "Trial 3 of at most 3",
    ]
    assert "Going on after epoch 1, where a training was interrupted" in doings
    ended = searched.search.record.trials
    assert ended[0] == searched.before[0]
    assert ended[1].values == searched.before[1].values
    assert ended[1].errors == pytest.approx(searched.before[1].errors, rel=1e-4) and len(ended[1].errors) == 2
    assert ended[1].seconds > searched.before[1].seconds
    assert [trial.status for trial in ended] == ["finished"] * 3


def test_trials_find_the_features_that_the_first_computed(searched):
    assert not [report.doing for report in searched.heard if report.doing.startswith("Computing")]
    assert len(list((searched.directory / "cache").glob("*.npy"))) == 2


def test_the_best_hyperparameters_are_those_of_the_trial_with_the_least_validation_error(searched):
    found = searched.search.found()
    (best,) = searched.search.get_best_hyperparameters()

    assert found.trials[found.best].validation_mae == min(trial.validation_mae for trial in found.trials)
    assert best.get_config()["values"] == found.trials[found.best].values
    (outcome,) = [report.doing for report in searched.heard if report.outcome and "trials" in report.doing]
    assert outcome.startswith("3 trials, best validation MAE ") and outcome.endswith(f"in trial {found.best + 1}")


def test_tensorboard_has_the_hyperparameters_and_what_they_came_to(searched):
    logs = sorted(pathlib.Path(searched.directory).glob("searches/*/tensorboard/trial_*"))

    assert [path.name for path in logs] == ["trial_001", "trial_002", "trial_003"]
    for path in logs:
        events = [
            tf.compat.v1.Event.FromString(record.numpy())
            for record in tf.data.TFRecordDataset([str(file) for file in path.glob("events.out.*")])
        ]
        tags = {value.tag for event in events for value in event.summary.value}
        assert {"_hparams_/session_start_info", "validation MAE, years"} <= tags


def test_trials_are_a_table_with_the_best_first_and_can_be_read_again(searched, tmp_path):
    found = searched.search.found()

    trial_record.write(found, str(tmp_path))
    trials.write(found, str(tmp_path))

    heading, first, *_ = [line.split(",") for line in (tmp_path / "trials.csv").read_text().splitlines()]
    assert heading == ["trial", "outcome", "validation_mae", "epochs", "seconds", *sorted(SPACE)]
    assert (int(first[0]), first[1], first[3]) == (found.best + 1, "finished", "2")
    assert trial_record.read(str(tmp_path)) == found


def test_a_larger_budget_goes_on_and_a_finished_search_does_nothing(searched, train_files, validation_files):
    again = search(searched.directory, train_files, validation_files)
    heard = []

    with progress.listening(heard.append):
        again.search()

    assert again.record.trials == searched.search.record.trials
    assert not [report for report in heard if not report.outcome]
    more = search(searched.directory, train_files, validation_files, max_trials=4, method="random")
    more.search()
    assert more.record.trials[:3] == searched.search.record.trials and len(more.record.trials) == 4


def test_a_search_without_time_for_one_trial_says_so_and_what_it_did_is_kept(train_files, validation_files, tmp_path):
    hurried = search(tmp_path, train_files, validation_files, max_minutes=1e-6)

    with pytest.raises(BadInput, match=r"tuner.max_minutes is 1e-06, in which no trial came to its end"):
        hurried.search()

    assert [trial.status for trial in hurried.record.trials] == ["out_of_time"]


def test_gaussian_processes_take_up_what_other_trials_came_to(train_files, validation_files, tmp_path):
    bayesian = search(tmp_path, train_files, validation_files, method="bayesian", max_trials=11, pruning=False)
    for number in range(10):
        rate = 0.001 * 1.5**number
        values = {"trainer.learning_rate": rate, "trainer.dropout": 0.0, "trainer.batch_size": 16}
        error = 10 + abs(rate - 0.02)
        bayesian.record.write(Trial(number=number, values=values, status="finished", validation_mae=error, errors=[error]))

    going_on = search(tmp_path, train_files, validation_files, method="bayesian", max_trials=11, pruning=False)
    going_on.search()

    assert len(going_on.record.trials) == 11 and going_on.record.trials[10].status == "finished"
    assert going_on.record.trials[10].values not in [trial.values for trial in going_on.record.trials[:10]]


def test_trials_that_all_diverged_are_said_in_a_sentence(train_files, validation_files, tmp_path):
    diverged = search(tmp_path, train_files, validation_files)
    diverged.record.write(Trial(number=0, values={"trainer.learning_rate": 1.0}, status="diverged"))

    with pytest.raises(TrainingDiverged, match=r"Each of the 1 trials diverged"):
        diverged.found()

"""A training that is killed goes on from its last epoch, and ends as if nothing had happened."""

import json
import logging
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest

from age.model import resumption
from age.model.checkpoint_file import CheckpointFile
from tests.age.model import small_network

# Everything that has a state of its own: order, dropout, moving averages, momenta, random variations of images.
SETTINGS = {"epochs": 5}
FROM_FEATURES = {"loss": "label_distribution", "ema_momentum": 0.9}
FROM_FILES = {
    "freeze_through": "none",
    "feature_cache": False,
    "mixup": 0.4,
    "augmentation": {"saturation": 0.2, "erasing": 0.3},
}
IN_STAGES = {"stages": [{"freeze_through": "all", "epochs": 2, "head_rate": 2.0}, {"epochs": 3, "learning_rate": 0.001}]}

# Each training has a process of its own, which kills itself in the middle of epoch 4 as a machine would that goes away; epoch 4 of
# all is the second one of the second stage.
KILLED_IN_EPOCH_4 = """
import json, os, signal, sys
from types import SimpleNamespace
from age import progress
from age.model import training

def kill(report):
    if report.doing.startswith(("Training, epoch 4", "Training, stage 2 of 2, epoch 2")) and report.done:
        os.kill(os.getpid(), signal.SIGKILL)

for arguments in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        with progress.listening(kill):
            training.run_fn(SimpleNamespace(**arguments))
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def train(directory, train_files, validation_files, **changes):
    return small_network.train(directory, train_files, validation_files, **SETTINGS, **changes)


@pytest.fixture(scope="module")
def killed(tmp_path_factory, train_files, validation_files):
    """Directories of trainings that were killed in their fourth epoch."""
    changes = {"features": FROM_FEATURES, "files": FROM_FILES, "stages": IN_STAGES}
    directories = {name: tmp_path_factory.mktemp(name) for name in changes}
    begun = [
        small_network.arguments(directories[name], train_files, validation_files, **SETTINGS, **changes[name])
        for name in directories
    ]
    command = [sys.executable, "-c", KILLED_IN_EPOCH_4, json.dumps(begun)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert [int(line) for line in ended.stdout.split() if line.lstrip("-").isdigit()][-3:] == [-signal.SIGKILL] * 3, (
        ended.stderr
    )
    return directories


@pytest.mark.parametrize(
    ("name", "changes", "checkpoints"), [("features", FROM_FEATURES, 1), ("files", FROM_FILES, 1), ("stages", IN_STAGES, 2)]
)
def test_a_killed_training_ends_with_the_weights_of_an_uninterrupted_one(
    killed, train_files, validation_files, tmp_path, name, changes, checkpoints
):
    directory = killed[name]
    left = list((directory / "checkpoints").glob("*.npz"))

    resumed = train(directory, train_files, validation_files, **changes)
    whole = train(tmp_path, train_files, validation_files, **changes)

    assert len(left) == checkpoints and resumed["resumed_after"] in (1, 2, 3) and whole["resumed_after"] is None
    assert resumed["history"] == whole["history"] and resumed["best_epoch"] == whole["best_epoch"]
    after_the_kill, uninterrupted = (small_network.answers(each, validation_files)[0]["age"] for each in (directory, tmp_path))
    np.testing.assert_array_equal(after_the_kill, uninterrupted)
    assert not list((directory / "checkpoints").iterdir()), "a training that has ended needs no checkpoint"


def fit(file, epochs=4, started=None, max_minutes=0.0):
    """Fits a line; returns the callbacks."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse", metrics=[keras.metrics.MeanAbsoluteError(name="mae")])
    x = np.linspace(0, 1, 32, dtype=np.float32)[:, None]
    early_stopping = keras.callbacks.EarlyStopping("val_mae", mode="min", patience=9, restore_best_weights=True)
    resumed = resumption.Resumption(file, early_stopping, time.monotonic() if started is None else started)
    limit = resumption.TimeLimit(max_minutes, resumed)
    model.fit(
        x,
        3 * x,
        validation_data=(x, 3 * x),
        initial_epoch=resumed.first_epoch,
        epochs=epochs,
        verbose=0,
        shuffle=False,
        callbacks=[early_stopping, resumed, limit],
    )
    return resumed, limit


def test_training_ends_with_the_epoch_in_which_its_time_is_up():
    resumed, limit = fit(None, started=time.monotonic() - 61, max_minutes=1)
    unlimited, no_limit = fit(None, started=time.monotonic() - 61)

    assert limit.is_up and len(resumed.history["val_mae"]) == 1
    assert not no_limit.is_up and len(unlimited.history["val_mae"]) == 4


def test_time_before_an_interruption_counts(tmp_path):
    file = CheckpointFile(str(tmp_path), "k" * 64)
    fit(file, epochs=2, started=time.monotonic() - 120)

    resumed, limit = fit(file, max_minutes=1)

    assert resumed.first_epoch == 1 and limit.is_up and len(resumed.history["val_mae"]) == 2


def test_checkpoints_take_at_most_a_fiftieth_of_the_time(tmp_path, monkeypatch):
    file = CheckpointFile(str(tmp_path), "k" * 64)
    written = []
    monkeypatch.setattr(CheckpointFile, "write", lambda self, checkpoint: (written.append(checkpoint.epochs), time.sleep(0.2)))

    resumed, _ = fit(file, epochs=6)

    # The epochs of a line take milliseconds: less than ten seconds after the first checkpoint, none is worth its time.
    assert written == [1] and resumed.seconds >= 0.2


def test_where_no_checkpoint_can_be_written_training_goes_on_without(tmp_path, caplog):
    (tmp_path / "checkpoints").write_text("a file where the directory should be")

    with caplog.at_level(logging.WARNING, "absl"):
        resumed, _ = fit(CheckpointFile(str(tmp_path / "checkpoints"), "k" * 64))

    assert len(resumed.history["val_mae"]) == 4
    assert caplog.text.count("no checkpoint can be written") == 1

"""The file from which an interrupted training goes on."""

import dataclasses
import logging
import math
import os

import numpy as np
import pytest

from age.model import checkpoint_file, example_reading, training
from age.model.checkpoint_file import Checkpoint, CheckpointFile
from age.model.settings import TrainerSettings

CHECKPOINT = Checkpoint(
    epochs=2,
    seconds=61.5,
    history={"loss": [3.1, 2.9], "val_mae": [0.1 + 0.2, 7.000000001]},
    best=0.1 + 0.2,
    best_epoch=0,
    wait=1,
    variables=[np.float32(np.pi), np.arange(6, dtype=np.float32).reshape(2, 3) / 7, np.array([1, 2**32 - 1], np.uint32)],
    best_weights=[np.ones((2, 3), np.float32)],
)
SETTINGS = TrainerSettings(backbone="resnet20", image_size=32, weights="none", freeze_through="stage2_block3_out")


@pytest.fixture
def file(tmp_path):
    return CheckpointFile(str(tmp_path / "checkpoints"), "k" * 64)


def test_what_is_written_is_read_to_the_last_bit(file):
    file.write(CHECKPOINT)
    read = file.read()

    for name in ("variables", "best_weights"):
        for kept, given in zip(getattr(read, name), getattr(CHECKPOINT, name), strict=True):
            assert kept.dtype == given.dtype
            np.testing.assert_array_equal(kept, given)
    scalars = dataclasses.replace(CHECKPOINT, variables=[], best_weights=[])
    assert dataclasses.replace(read, variables=[], best_weights=[]) == scalars


def test_another_training_finds_nothing(file, tmp_path):
    file.write(CHECKPOINT)

    assert CheckpointFile(str(tmp_path / "checkpoints"), "j" * 64).read() is None


def _cut(content):
    return content[: len(content) // 2]


def _flipped(content):
    place = content.index(np.float32(1).tobytes())
    return content[:place] + b"\x01" + content[place + 1 :]


@pytest.mark.parametrize("damage", [_cut, _flipped, lambda content: b"", lambda content: b"PK\x03\x04nonsense"])
def test_a_damaged_checkpoint_is_put_aside_with_a_sentence(file, damage, caplog):
    file.write(CHECKPOINT)
    with open(file.path, "rb") as written:
        content = written.read()
    with open(file.path, "wb") as written:
        written.write(damage(content))

    with caplog.at_level(logging.WARNING, "absl"):
        read = file.read()

    assert read is None and not os.path.exists(file.path) and os.path.exists(file.path + ".damaged")
    assert "this checkpoint is damaged" in caplog.text and "Training begins anew." in caplog.text


def test_a_write_that_fails_leaves_what_was_there(file, monkeypatch):
    file.write(CHECKPOINT)

    def full(*arguments, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        file.write(dataclasses.replace(CHECKPOINT, epochs=3))

    assert file.read().epochs == 2
    assert os.listdir(os.path.dirname(file.path)) == [os.path.basename(file.path)]


def test_the_end_of_a_training_removes_its_checkpoint_and_old_ones_of_others(file, tmp_path):
    directory = tmp_path / "checkpoints"
    for number, letter in enumerate("abcde"):
        other = CheckpointFile(str(directory), letter * 64)
        other.write(CHECKPOINT)
        os.utime(other.path, (number, number))
    (directory / "x.npz.123.unfinished").write_bytes(b"half")
    file.write(CHECKPOINT)

    file.remove()

    assert sorted(path.name[0] for path in directory.iterdir()) == ["c", "d", "e"]


def test_key_is_another_one_when_anything_changes_that_the_course_of_a_training_depends_on(
    train_files, validation_files, monkeypatch
):
    train, validation = (example_reading.Split.read(files) for files in (train_files, validation_files))
    net = training.build_network(SETTINGS, train.labels)

    def key(settings=SETTINGS, first=train, second=validation):
        return checkpoint_file.key(net, settings, first, second)

    keys = {
        key(),
        key(SETTINGS.model_copy(update={"learning_rate": math.pi / 1000})),
        key(first=validation),
        key(second=train),
    }
    kernel = net.tail.trainable_weights[0]
    kernel.assign(kernel + 1e-6)
    keys.add(key())
    kernel.assign(kernel - 1e-6)
    monkeypatch.setattr(checkpoint_file.code_digest, "of", lambda *modules: "other code")
    keys.add(key())
    monkeypatch.undo()
    again = training.build_network(SETTINGS, train.labels)

    assert len(keys) == 6
    assert checkpoint_file.key(again, SETTINGS, train, validation) in keys

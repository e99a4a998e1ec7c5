"""What frozen layers make of an image is computed once."""

import concurrent.futures
import dataclasses
import errno
import os
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from age import image_decoding
from age.model import example_reading, feature_cache, feeding, network
from age.model.settings import TrainerSettings
from schemas import features
from schemas.bad_input import BadInput

AGES = network.TrainingAges.of(np.array([20.0, 40.0, 60.0]))
SETTINGS = TrainerSettings(
    backbone="resnet20", image_size=32, weights="none", freeze_through="stage1_block1_out", views=3, dense_units=8
)


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(3)
    return network.build(SETTINGS, AGES)


def cached(net, directory, files, settings=SETTINGS, views=3):
    source = feature_cache.Source(files, example_reading.read_labels(files), views)
    (split,) = feature_cache.cached_splits(str(directory), net.stem, net.stem_digest(), settings, [source])
    return split


def decoded_in_hash_order(files):
    by_hash = {}
    for record in tf.data.TFRecordDataset(tf.io.gfile.glob(files)):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        image = image_decoding.resize_image(
            image_decoding.decode_image(feature[features.IMAGE_ENCODED].bytes_list.value[0]), 32
        )
        by_hash[feature[features.IMAGE_SHA256].bytes_list.value[0]] = (image, feature[features.AGE].float_list.value[0])
    return [by_hash[sha256] for sha256 in sorted(by_hash)]


def test_features_are_those_of_the_image_and_of_its_mirror_image(net, train_files, tmp_path):
    split = cached(net, tmp_path, train_files)
    images, ages = zip(*decoded_in_hash_order(train_files))
    images = tf.round(tf.stack(images))

    assert split.features.shape == (70, 3, *net.stem.output.shape[1:])
    np.testing.assert_array_equal(split.ages, ages)
    np.testing.assert_allclose(split.features[:, 0], net.stem(images, training=False), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(split.features[:, 1], net.stem(images[:, :, ::-1], training=False), rtol=2e-3, atol=2e-3)
    originals = np.asarray(split.features[:, 0], dtype="float32")
    assert np.abs(split.features[:, 2] - originals).mean() > 0.1 * np.abs(originals).mean()


def test_second_use_finds_them_even_with_another_head_and_learning_rate(net, train_files, tmp_path):
    first = cached(net, tmp_path, train_files)
    other = SETTINGS.model_copy(update={"learning_rate": 0.1, "dropout": 0.1, "epochs": 3, "batch_size": 7})

    again = cached(net, tmp_path, train_files, other)

    assert first.computed and not again.computed
    np.testing.assert_array_equal(first.features, again.features)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("change", [{"views": 2}, {"seed": 9}, {"image_size": 64}])
def test_what_the_features_depend_on_makes_new_ones(net, train_files, tmp_path, change):
    cached(net, tmp_path, train_files)
    settings = SETTINGS.model_copy(update=change)

    again = cached(
        network.build(settings, AGES) if "image_size" in change else net,
        tmp_path,
        train_files,
        settings,
        settings.views,
    )

    assert again.computed


def test_other_examples_make_new_features(net, train_files, validation_files, tmp_path):
    cached(net, tmp_path, train_files)

    assert cached(net, tmp_path, validation_files).computed


def test_what_an_interrupted_run_left_is_removed_and_old_caches_go(net, validation_files, tmp_path):
    (tmp_path / "abc.npy.77.unfinished").write_bytes(b"half")
    for number in range(6):
        (tmp_path / f"old{number}.npy").write_bytes(b"old")

    cached(net, tmp_path, validation_files)

    names = [path.name for path in tmp_path.iterdir()]
    assert not any(name.endswith(".unfinished") for name in names)
    assert len(names) == 4


def test_other_code_makes_new_features(net, validation_files, tmp_path, monkeypatch):
    cached(net, tmp_path, validation_files)
    assert not cached(net, tmp_path, validation_files).computed

    monkeypatch.setattr(feature_cache, "_CODE", (*feature_cache._CODE, "age.model.export"))

    assert cached(net, tmp_path, validation_files).computed


HOLDER = """
import fcntl, sys, time
with open(sys.argv[1], "r+b") as file:
    fcntl.flock(file, fcntl.LOCK_SH if sys.argv[1].endswith(".npy") else fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["old0.npy", "abc.npy.x1.unfinished"])
def test_what_another_process_reads_or_writes_is_not_removed(net, validation_files, tmp_path, name):
    for number in range(6):
        (tmp_path / f"old{number}.npy").write_bytes(b"old")
        os.utime(tmp_path / f"old{number}.npy", (number, number))
    (tmp_path / "abc.npy.x1.unfinished").write_bytes(b"half")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / name)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert holder.stdout.readline() == b"held\n"
        cached(net, tmp_path, validation_files)
        held = {path.name for path in tmp_path.iterdir()}
    finally:
        holder.communicate()

    cached(net, tmp_path, validation_files)

    assert name in held and not (tmp_path / name).exists()


def test_what_this_process_reads_is_not_removed_until_it_lets_go(net, validation_files, tmp_path):
    split = cached(net, tmp_path, validation_files)
    (path,) = tmp_path.iterdir()
    os.utime(path, (0, 0))

    for number in range(6):
        (tmp_path / f"new{number}.npy").write_bytes(b"new")
    feature_cache._forget_old_caches(str(tmp_path), keep=[])
    assert path.exists() and split.features[0].any()

    split.held.close()
    feature_cache._forget_old_caches(str(tmp_path), keep=[])
    assert not path.exists()


def test_what_another_process_finished_first_is_taken_and_not_replaced(net, validation_files, tmp_path, monkeypatch):
    theirs = cached(net, tmp_path / "theirs", validation_files)
    (finished,) = (tmp_path / "theirs").iterdir()
    fill = feature_cache._fill

    def overtaken(path, *arguments):
        fill(path, *arguments)
        shutil.copy(finished, tmp_path / "ours" / finished.name)
        inodes.append((tmp_path / "ours" / finished.name).stat().st_ino)

    inodes = []
    monkeypatch.setattr(feature_cache, "_fill", overtaken)
    ours = cached(net, tmp_path / "ours", validation_files)

    (path,) = (tmp_path / "ours").iterdir()
    assert [path.stat().st_ino] == inodes
    np.testing.assert_array_equal(ours.features, theirs.features)


def test_trainings_at_once_find_whole_files_whatever_the_others_compute_and_remove(net, validation_files, tmp_path):
    seeds = range(5)  # more than are kept

    def features(directory, seed):
        split = cached(net, directory, validation_files, SETTINGS.model_copy(update={"seed": seed}))
        time.sleep(0.05)
        return np.array(split.features)

    alone = [features(tmp_path / "alone", seed) for seed in seeds]
    orders = [np.random.default_rng(number).permutation(seeds) for number in range(3)]
    with concurrent.futures.ThreadPoolExecutor(len(orders)) as trainings:
        together = list(trainings.map(lambda order: [features(tmp_path / "shared", int(seed)) for seed in order], orders))

    for order, found in zip(orders, together):
        for seed, one in zip(order, found):
            np.testing.assert_array_equal(one, alone[seed])
    assert not [path for path in (tmp_path / "shared").iterdir() if path.suffix != ".npy"]


def test_without_hard_links_a_finished_file_gets_its_name_all_the_same(net, validation_files, tmp_path, monkeypatch):
    def refuse(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(feature_cache.os, "link", refuse)

    assert cached(net, tmp_path, validation_files).computed
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
    assert not cached(net, tmp_path, validation_files).computed


def test_full_disk_is_said_for_all_splits_together_before_anything_is_computed(net, train_files, tmp_path, monkeypatch):
    source = feature_cache.Source(train_files, example_reading.read_labels(train_files), views=3)
    each = 70 * 3 * int(np.prod(net.stem.output.shape[1:])) * 2
    room_for_one = feature_cache._SPARE_BYTES + each * 3 // 2
    monkeypatch.setattr(feature_cache.shutil, "disk_usage", lambda path: SimpleNamespace(free=room_for_one))

    with pytest.raises(BadInput, match=r"the features need .* GB are free.*trainer.feature_cache to false"):
        other = dataclasses.replace(source, views=2)
        feature_cache.cached_splits(str(tmp_path), net.stem, net.stem_digest(), SETTINGS, [source, other])
    assert not list(tmp_path.iterdir())

    feature_cache.cached_splits(str(tmp_path), net.stem, net.stem_digest(), SETTINGS, [source])


def test_no_examples_is_said_in_a_sentence(net, tmp_path):
    empty = tmp_path / "data_tfrecord-00000-of-00001"
    empty.write_bytes(b"")

    with pytest.raises(BadInput, match="no examples to learn from"):
        cached(net, tmp_path / "cache", [str(empty)])


def test_every_epoch_shows_every_image_once_in_a_new_order_and_any_view(net, train_files, tmp_path):
    split = cached(net, tmp_path, train_files)
    dataset = feeding.training_batches(split, batch_size=16, seed=4)
    views_seen, orders = set(), []
    flat = split.features.reshape(70, 3, -1).astype("float32")

    for _ in range(3):
        shown = np.concatenate([batch.numpy().reshape(len(batch), -1) for batch, _ in dataset])
        rows, views = [], set()
        for one in shown:
            row, view = np.argwhere((flat == one).all(-1))[0]
            rows.append(row)
            views.add(view)
        orders.append(rows)
        views_seen |= views

    assert [sorted(order) for order in orders] == [list(range(70))] * 3
    assert orders[0] != orders[1]
    assert views_seen == {0, 1, 2}
    assert dataset.cardinality() == 5


def test_labels_stay_with_their_images_whatever_the_order_of_the_files(train_files):
    labels = example_reading.read_labels(train_files)

    assert list(labels.sha256) == sorted(labels.sha256) and len(set(labels.sha256)) == 70
    assert sorted(labels.rank) == list(range(70))


def features_on_disk(path, rows, views=2, width=8):
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(rows, views, width))
    array[:] = np.arange(rows)[:, None, None]
    array.flush()
    return feature_cache.CachedSplit(np.load(path, mmap_mode="r"), np.arange(rows, dtype=np.float32), False, 0.0)


def test_features_larger_than_a_window_are_shuffled_in_blocks_and_each_is_seen_once(tmp_path, monkeypatch):
    split = features_on_disk(tmp_path / "features.npy", rows=1003)
    monkeypatch.setattr(feeding, "_BLOCK_BYTES", 10 * 32)
    monkeypatch.setattr(feeding, "_WINDOW_BYTES", 200 * 32)

    dataset = feeding.training_batches(split, batch_size=64, seed=1)
    first, second = ([ages.numpy() for _, ages in dataset] for _ in range(2))

    assert [len(batch) for batch in first] == [64] * 15 + [43]
    assert sorted(np.concatenate(first)) == sorted(np.concatenate(second)) == list(range(1003))
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    # A window is read in blocks from everywhere in the file, and mixed.
    window = np.concatenate(first[:3])
    assert len(set(window // 10)) <= 20 and window.max() > 800 and window.min() < 200
    assert len({int(age) // 10 for age in first[0]}) > 12


def test_reading_ahead_asks_for_exactly_the_rows_of_the_file(tmp_path, monkeypatch):
    split = features_on_disk(tmp_path / "features.npy", rows=100)
    asked = []
    monkeypatch.setattr(feeding.os, "posix_fadvise", lambda file, start, length, advice: asked.append((start, length)))

    feeding._read_ahead(split.features, np.array([7, 5, 6, 40]))

    content = (tmp_path / "features.npy").read_bytes()
    read = [np.frombuffer(content[start : start + length], np.float16).reshape(-1, 2, 8) for start, length in asked]
    assert [list(rows[:, 0, 0]) for rows in read] == [[5, 6, 7], [40]]

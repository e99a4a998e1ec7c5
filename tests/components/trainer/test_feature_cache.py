"""What frozen layers make of an image is computed once."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from components import image_decoding
from components.trainer import example_files, feature_cache, feeding, network
from components.trainer.settings import TrainerSettings
from schemas import features
from schemas.bad_input import BadInput

SETTINGS = TrainerSettings(
    backbone="mobilenet_v2_035", image_size=32, weights="none", freeze_through="block_2_add", views=3, dense_units=8
)


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(3)
    return network.build(SETTINGS, 40.0, 20.0)


def cached(net, directory, files, settings=SETTINGS, views=3):
    return feature_cache.cached_split(str(directory), net.stem, net.stem_digest(), settings, files, views)


def decoded_in_hash_order(files):
    by_hash = {}
    for record in tf.data.TFRecordDataset(tf.io.gfile.glob(files)):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        image = image_decoding.resize_image(image_decoding.decode_image(feature[features.IMAGE_ENCODED].bytes_list.value[0]), 32)
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

    again = cached(network.build(settings, 40.0, 20.0) if "image_size" in change else net, tmp_path, train_files, settings, settings.views)

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


def test_full_disk_is_said_before_anything_is_computed(tmp_path):
    with pytest.raises(BadInput, match=r"the features need 1000000000.0 GB and .* GB are free"):
        feature_cache._require_space(str(tmp_path), 10**18)


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
    labels = example_files.read_labels(train_files)

    assert labels.sha256 == sorted(labels.sha256)
    assert sorted(labels.rank) == list(range(70))

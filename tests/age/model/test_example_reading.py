"""Examples are read as they come, from however many files."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from age.model import example_reading
from schemas import features


@pytest.fixture(scope="module")
def sharded(train_files, tmp_path_factory):
    """The training split in seven files of different lengths, one of them empty."""
    directory = tmp_path_factory.mktemp("sharded")
    records = [record.numpy() for record in tf.data.TFRecordDataset(tf.io.gfile.glob(train_files))]
    bounds = [0, 3, 3, 20, 21, 40, 55, 70]
    for number, (start, end) in enumerate(itertools.pairwise(bounds)):
        with tf.io.TFRecordWriter(str(directory / f"data_tfrecord-{number:05d}-of-00007")) as writer:
            for record in records[start:end]:
                writer.write(record)
    return [str(directory / "*")]


def ages_of(files):
    found = []
    for record in tf.data.TFRecordDataset(sorted(path for one in files for path in tf.io.gfile.glob(one))):
        found.append(tf.train.Example.FromString(record.numpy()).features.feature[features.AGE].float_list.value[0])
    return sorted(found)


def test_labels_do_not_depend_on_the_number_of_files(train_files, sharded):
    one, many = example_reading.read_labels(train_files), example_reading.read_labels(sharded)

    np.testing.assert_array_equal(one.sha256, many.sha256)
    np.testing.assert_array_equal(one.ages, many.ages)


def test_labels_are_the_hashes_of_the_records_in_order(sharded):
    labels = example_reading.read_labels(sharded)

    hashes = []
    for record in example_reading.records(sharded):
        hashes.append(tf.train.Example.FromString(record.numpy()).features.feature[features.IMAGE_SHA256].bytes_list.value[0])
    assert [bytes.fromhex(one.decode()) for one in hashes] == [bytes(labels.sha256[rank : rank + 1]) for rank in labels.rank]


def test_images_come_in_the_order_of_the_labels_ranks(sharded, train_files):
    def by_hash(files):
        labels = example_reading.read_labels(files)
        images = np.concatenate(list(example_reading.decoded_images(files, 32, 16).as_numpy_iterator()))
        ordered = np.empty_like(images)
        ordered[labels.rank] = images
        return ordered

    np.testing.assert_array_equal(by_hash(sharded), by_hash(train_files))


def test_a_stream_shows_every_image_once_an_epoch_in_an_order_that_the_seed_decides(sharded):
    def epochs(seed):
        dataset = example_reading.streamed_batches(sharded, 70, 32, 16, shuffle_seed=seed)
        return dataset, [np.concatenate([ages for _, ages in dataset.as_numpy_iterator()]) for _ in range(2)]

    dataset, (first, second) = epochs(5)
    _, (again, _) = epochs(5)

    assert int(dataset.cardinality()) == 5
    assert sorted(first) == sorted(second) == ages_of(sharded)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, again)
    stored = example_reading.streamed_batches(sharded, 70, 32, 16)
    images, ages = next(iter(stored))
    assert images.dtype == tf.float32 and images.shape == (16, 32, 32, 3) and len(ages) == 16


def test_a_small_window_still_mixes_the_files(sharded, monkeypatch):
    monkeypatch.setattr(example_reading, "_SHUFFLED_BYTES", 1)

    seen = [ages for _, ages in example_reading.streamed_batches(sharded, 70, 32, 16, shuffle_seed=1).as_numpy_iterator()]

    assert sorted(np.concatenate(seen)) == ages_of(sharded)

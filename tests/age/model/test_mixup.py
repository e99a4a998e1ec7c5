"""Photographs that are mixed with one another."""

import numpy as np
import tensorflow as tf

from age.model import mixup

IMAGES = np.random.default_rng(0).uniform(0, 255, (7, 2, 2, 3)).astype("float32")
AGES = np.arange(10, 80, 10, dtype="float32")


def epochs(numbers, concentration=0.5, seed=3):
    """Returns the batches of epochs, three images in each."""
    left = iter(numbers)
    batches = tf.data.Dataset.from_tensor_slices((IMAGES, AGES)).batch(3)
    dataset = mixup.mixed(batches, concentration, seed, lambda: next(left))
    assert int(dataset.cardinality()) == 3
    return [[(images.numpy(), labels.numpy()) for images, labels in dataset] for _ in numbers]


def test_every_image_is_mixed_with_another_one_of_its_batch_in_the_shares_of_their_ages():
    (batches,) = epochs([0])

    whole = dict(zip(AGES.tolist(), IMAGES))
    for images, labels in batches:
        for image, (age, other, share) in zip(images, labels):
            np.testing.assert_allclose(image, share * whole[age] + (1 - share) * whole[other], rtol=1e-4)
            assert age != other or len(images) == 1
    assert [age for _, labels in batches for age in labels[:, 0]] == AGES.tolist()
    shares = np.concatenate([labels[:, 2] for _, labels in batches])
    assert ((shares >= 0) & (shares <= 1)).all() and len(set(shares.tolist())) > 4


def test_an_epoch_is_mixed_as_its_number_says_whatever_came_before():
    first, second = epochs([0, 1])
    (second_alone,) = epochs([1])
    (of_another_seed,) = epochs([1], seed=4)

    for one, other in zip(second, second_alone, strict=True):
        np.testing.assert_array_equal(one[1], other[1])
    assert all((one[1][:, 2] != other[1][:, 2]).all() for one, other in zip(first, second))
    assert not np.array_equal(second[0][1], of_another_seed[0][1])

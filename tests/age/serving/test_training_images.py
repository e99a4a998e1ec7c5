"""Which photographs a model learnt from is kept with it, small, and told apart from not being known."""

import hashlib

import numpy as np

from age.serving import training_images
from age.serving.model_digest import content_digest


def digests(numbers):
    """As the Trainer has them; a zero at the end is cut off by numpy's strings, and does not matter."""
    return np.array([hashlib.sha256(str(number).encode()).digest() for number in numbers], dtype="S32")


def test_it_holds_the_photographs_of_every_split_in_eight_bytes_each(tmp_path):
    training_images.write(str(tmp_path), [digests(range(800)), digests(range(800, 900))])

    found = training_images.read(str(tmp_path))

    known = {training_images.prefix(hashlib.sha256(str(number).encode()).hexdigest()) for number in range(900)}
    assert set(found.tolist()) == known and list(found) == sorted(known)
    assert (tmp_path / "assets.extra" / "training_images.bin").stat().st_size == 8 * 900


def test_hashes_that_begin_or_end_with_zeros_are_whole(tmp_path):
    strange = [bytes(32), bytes(8) + bytes(23) + b"\x01", b"\xff" * 8 + bytes(24)]
    training_images.write(str(tmp_path), [np.array(strange, dtype="S32")])

    assert training_images.read(str(tmp_path)).tolist() == [0, 0, 2**64 - 1]


def test_a_model_that_does_not_tell_is_known_as_one(tmp_path):
    assert training_images.read(str(tmp_path)) is None


def test_it_makes_the_model_no_other_one(model):
    before = content_digest(model("a"))

    training_images.write(model("a"), [digests(range(3))])

    assert content_digest(model("a")) == before

"""Files of strangers, wherever they lie."""

import uuid

import pytest
import tensorflow as tf

from age import storage


@pytest.fixture
def remote_file():
    def write(size: int) -> str:
        path = f"ram://{uuid.uuid4().hex}/a.jpg"
        with tf.io.gfile.GFile(path, "wb") as file:
            file.write(bytes(size))
        return path

    return write


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_a_remote_file_is_read_whole_without_asking_how_large_it_is(remote_file, monkeypatch, size):
    path = remote_file(size)
    monkeypatch.setattr(tf.io.gfile, "stat", lambda path: pytest.fail(f"asked about {path}"))

    assert storage.read_plain_file(path, largest=2 << 20) == bytes(size)


def test_a_remote_file_that_is_too_large_is_not_read_to_its_end(remote_file):
    assert len(storage.read_plain_file(remote_file(3 << 20), largest=3 << 20)) == 3 << 20
    with pytest.raises(OSError, match="more than 3145728 bytes, and at most that many are read"):
        storage.read_plain_file(remote_file((3 << 20) + 1), largest=3 << 20)


def test_a_remote_file_that_is_not_there():
    with pytest.raises(FileNotFoundError):
        storage.read_plain_file("ram://nothing/here.jpg", largest=10)

"""A serving directory on an object store: TensorFlow's own file system in memory has no folders to rename either."""

import pathlib
import threading
import uuid

import pytest
import tensorflow as tf

from age.serving.serving_directory import ServingDirectory, Withdrawn
from tests.age.serving.conftest import write_model


@pytest.fixture
def remote() -> ServingDirectory:
    return ServingDirectory(f"ram://{uuid.uuid4().hex}/age")


def content(path):
    with tf.io.gfile.GFile(path, "rb") as file:
        return file.read()


def test_versions_are_published_withdrawn_and_restored(remote, model):
    first = remote.publish(model("a")).served
    second = remote.publish(model("b")).served
    assert [served.version for served in remote.versions()] == [second.version, first.version]
    weights = "variables/variables.data-00000-of-00001"
    assert content(f"{second.path}/{weights}") == (pathlib.Path(model("b")) / weights).read_bytes()

    remote.carry_out(remote.planned_rollback)
    assert [served.version for served in remote.versions()] == [first.version]
    with pytest.raises(Withdrawn):
        remote.publish(model("b"))
    remote.carry_out(lambda: remote.planned_restoring(second.version))

    assert remote.versions()[0].version == second.version
    assert not remote.publish(model("b")).new
    assert [event.what for event in remote.events()] == ["published", "published", "withdrawn", "restored"]


def test_a_version_is_there_when_its_saved_model_is_and_that_comes_last(remote, model):
    """Whoever polls `saved_model.pb`, as TensorFlow Serving does, finds all the rest beside it."""
    stop, halves = threading.Event(), []

    def watch():
        while not stop.is_set():
            for served in remote.versions():
                if not tf.io.gfile.exists(f"{served.path}/variables/variables.data-00000-of-00001"):
                    halves.append(served)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for number in range(20):
        remote.publish(model(str(number)))
    stop.set()
    watcher.join()

    assert halves == []
    assert len(remote.versions()) == 20


def test_two_that_push_at_once_get_rising_versions(remote, tmp_path):
    published = {"left": [], "right": []}

    def push(who):
        for number in range(10):
            path = write_model(tmp_path / f"{who}-{number}", f"{who}-{number}")
            published[who].append(remote.publish(path, run=f"{who}-{number}").served.version)

    threads = [threading.Thread(target=push, args=(who,)) for who in published]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert all(versions == sorted(versions) for versions in published.values())
    assert len({*published["left"], *published["right"]}) == 20
    events = remote.events()
    assert [event.version for event in events] == sorted(event.version for event in events)
    assert tf.io.gfile.listdir(f"{remote.path}/.age-pipeline/lock") == []

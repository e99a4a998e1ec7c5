"""Processes that die while they change a serving directory leave known what they did, and nothing half done."""

import pathlib
import signal
import subprocess
import sys
import uuid

import pytest

from age import storage
from age.serving import history
from age.serving.model_digest import content_digest
from age.serving.serving_directory import ServingDirectory
from tests.age.serving.conftest import is_whole

ROOT = pathlib.Path(__file__).parents[3]

DYING = """
import os, signal, sys
from age.serving import history
from age.serving.serving_directory import ServingDirectory

path, moment, what, model = sys.argv[1:]
directory = ServingDirectory(path)
setattr(history, moment, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
if what == "published":
    directory.publish(model, run="20261124-101500", by="anna", why="blessed", mae=4.5)
else:
    plans = {
        "withdrawn": lambda: directory.planned_withdrawal(directory.versions()[0].version),
        "restored": lambda: directory.planned_restoring(directory.withdrawn()[0].version),
        "pruned": lambda: directory.planned_pruning(2),
    }
    directory.carry_out(plans[what], by="anna", why="blessed")
"""
"""Changes a directory, and is killed at the moment that a function of `age.serving.history` is called."""


def die(directory, moment, what, model):
    ended = subprocess.run([sys.executable, "-c", DYING, directory.path, moment, what, model], cwd=ROOT)
    assert ended.returncode == -signal.SIGKILL


def told(directory):
    return [(event.what, event.version) for event in directory.events()]


@pytest.fixture
def prepared(directory, model):
    """Three versions, and one that was withdrawn."""
    for name in "abcd":
        directory.publish(model(name))
    directory.carry_out(directory.planned_rollback)
    return directory


@pytest.mark.parametrize("moment", ["record", "settle"])
@pytest.mark.parametrize("what", ["published", "withdrawn", "restored", "pruned"])
def test_what_was_done_and_not_recorded_is_known_to_whoever_looks_and_to_whoever_changes_it_next(
    prepared, model, moment, what
):
    before = told(prepared)

    die(prepared, moment, what, model("e"))

    seen = told(prepared)
    event = prepared.events()[-1]
    assert seen == [*before, (what, event.version)]
    assert (event.by, event.why) == ("anna", "blessed")
    if what == "published":
        assert (event.run, event.mae, event.digest) == ("20261124-101500", 4.5, content_digest(model("e")))
    later = prepared.publish(model("f")).served
    assert told(prepared) == [*seen, ("published", later.version)], "once, and as what it was"
    assert prepared.events()[-2] == event


@pytest.mark.parametrize("what", ["published", "withdrawn", "restored", "pruned"])
def test_what_was_not_begun_is_forgotten(prepared, model, what, tmp_path):
    before, versions = told(prepared), prepared.versions()
    (event,) = (event for event in prepared.events()[-1:])
    history.announce(
        f"{prepared.path}/.age-pipeline/announced",
        event.model_copy(
            update={
                "what": what,
                "version": {
                    "published": versions[0].version + 50,
                    "withdrawn": versions[0].version,
                    "restored": prepared.withdrawn()[0].version,
                    "pruned": versions[-1].version,
                }[what],
            }
        ),
    )

    assert told(prepared) == before
    later = prepared.publish(model("f")).served
    assert told(prepared) == [*before, ("published", later.version)]


class TestOnAnObjectStore:
    """A version is moved file by file, so that a process can die in the middle."""

    class Died(BaseException):
        pass

    @pytest.fixture
    def remote(self):
        return ServingDirectory(f"ram://{uuid.uuid4().hex}/age")

    @pytest.fixture
    def dying(self, monkeypatch):
        """Has the next change end before it moves another file than the first so many, as `kill -9` ends one."""

        def after(files):
            moved, rename = [], storage.rename

            def rename_or_die(source, destination):
                if len(moved) == files:
                    raise self.Died
                moved.append(source)
                rename(source, destination)

            monkeypatch.setattr(storage, "rename", rename_or_die)

        return after

    @pytest.mark.parametrize("files", [1, 2])
    @pytest.mark.parametrize("what", ["withdrawn", "restored"])
    def test_a_version_that_was_being_moved_is_moved_whole_by_whoever_changes_the_directory_next(
        self, remote, model, dying, monkeypatch, files, what, tmp_path
    ):
        version = remote.publish(model("a")).served.version
        plans = {
            "withdrawn": lambda: remote.planned_withdrawal(version),
            "restored": lambda: remote.planned_restoring(version),
        }
        if what == "restored":
            remote.carry_out(plans["withdrawn"])

        with monkeypatch.context():
            dying(files)
            with pytest.raises(self.Died):
                remote.carry_out(plans[what], by="anna")
        monkeypatch.undo()
        remote.publish(model("b"))

        (moved,) = [one for one in [*remote.versions(), *remote.withdrawn()] if one.version == version]
        assert (moved in remote.withdrawn()) == (what == "withdrawn")
        storage.link_or_copy_tree(moved.path, str(tmp_path / "read"))
        assert is_whole(tmp_path / "read")
        (event,) = [
            event for event in remote.events() if event.what == what and event.version == version and event.by == "anna"
        ]
        assert event.digest == content_digest(model("a"))

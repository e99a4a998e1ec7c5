"""A model that waits for approval: whole where no server looks, and pushed on a person's word while nothing has changed since."""

import os
import pathlib
import shutil
import uuid

import pytest

from age import storage
from age.serving import approval
from age.serving.model_digest import content_digest
from age.serving.serving_directory import Champion, Declined, ServingDirectory, Withdrawn
from schemas.bad_input import BadInput
from tests.age.serving.conftest import is_whole

RUN = "20261124-101500"


@pytest.fixture(params=["disk", "object store"])
def either(request, tmp_path) -> ServingDirectory:
    """A serving directory of each kind."""
    return ServingDirectory(str(tmp_path / "age") if request.param == "disk" else f"ram://{uuid.uuid4().hex}/age")


def hold(directory, model, run=RUN):
    return directory.hold(model, directory.champion(content_digest(model)), run, f"/w/reports/{run}")


def test_a_model_that_waits_is_whole_and_is_not_being_served(directory, model):
    directory.publish(model("served"))

    assert hold(directory, model("a")) is None

    (waiting,) = directory.waiting()
    assert is_whole(pathlib.Path(waiting.model))
    assert (waiting.candidate.run, waiting.candidate.report_dir) == (RUN, f"/w/reports/{RUN}")
    assert [served.digest for served in directory.versions()] == [content_digest(model("served"))]
    assert [name for name in os.listdir(directory.path) if not name.isdigit()] == [".age-pipeline"]


def test_approving_pushes_it_and_the_history_says_who_and_why(either, model):
    champion = either.publish(model("served")).served
    hold(either, model("a"))

    publication = either.approve(either.waiting()[0], by="anna", why="looked at the page")

    assert publication.new and publication.served.version > champion.version
    assert either.versions()[0].digest == content_digest(model("a"))
    assert either.waiting() == []
    event = either.events()[-1]
    assert (event.what, event.run, event.by, event.why) == ("published", RUN, "anna", "looked at the page")


def test_nothing_is_pushed_over_a_model_that_it_was_not_compared_with(either, model):
    hold(either, model("a"))
    other = either.publish(model("other")).served

    with pytest.raises(BadInput, match=f"version {other.version} is being served by now, and .* with nothing. Nothing was"):
        either.approve(either.waiting()[0], by="anna", why="")

    assert [served.version for served in either.versions()] == [other.version]
    assert len(either.waiting()) == 1


def test_a_withdrawn_model_does_not_come_back_by_approval(directory, model):
    hold(directory, model("a"))
    directory.approve(directory.waiting()[0], by="anna", why="")
    directory.carry_out(lambda: directory.planned_withdrawal(directory.versions()[0].version))

    with pytest.raises(Withdrawn):
        hold(directory, model("a"), run="20261125-101500")


def test_a_model_that_is_not_the_one_that_was_blessed_is_refused(directory, model):
    hold(directory, model("a"))
    (waiting,) = directory.waiting()
    shutil.rmtree(waiting.model)
    shutil.copytree(model("another"), waiting.model)

    with pytest.raises(BadInput, match="this is not the model that was blessed"):
        directory.approve(waiting, by="anna", why="")

    assert directory.versions() == []


def test_a_model_that_is_being_served_does_not_wait(directory, model):
    served = directory.publish(model("a")).served

    publication = directory.hold(model("a"), Champion(), RUN, "")

    assert (publication.served, publication.new) == (served, False)
    assert directory.waiting() == []


def test_a_run_that_is_tried_again_has_one_model_that_waits(either, model):
    hold(either, model("a"))
    hold(either, model("b"))

    (waiting,) = either.waiting()
    assert waiting.candidate.digest == content_digest(waiting.model) == content_digest(model("b"))


def test_approving_again_after_dying_between_the_push_and_its_end_pushes_no_second_version(directory, model):
    hold(directory, model("a"))
    (waiting,) = directory.waiting()
    directory.publish(waiting.model, compared_with=Champion(), run=RUN)

    publication = directory.approve(waiting, by="anna", why="")

    assert not publication.new and len(directory.versions()) == 1
    assert directory.waiting() == []


def test_half_of_one_that_was_being_put_there_is_none(directory, model):
    hold(directory, model("a"))
    (waiting,) = directory.waiting()
    os.remove(os.path.join(waiting.path, "candidate.json"))

    assert directory.waiting() == []
    assert hold(directory, model("a")) is None and len(directory.waiting()) == 1


class TestDeclining:
    def test_the_model_is_gone_and_the_same_one_does_not_wait_again(self, either, model):
        hold(either, model("a"))

        either.decline(either.waiting()[0], by="anna", why="too young at 80")

        assert either.waiting() == either.versions() == []
        event = either.events()[-1]
        assert (event.what, event.run, event.by, event.why) == ("declined", RUN, "anna", "too young at 80")
        with pytest.raises(Declined, match=r"anna declined this very model on .* \(too young at 80\); it does not wait"):
            hold(either, model("a"), run="20261125-101500")
        assert hold(either, model("b")) is None, "another one may"

    def test_a_run_that_asks_nobody_pushes_it_all_the_same(self, directory, model):
        hold(directory, model("a"))
        directory.decline(directory.waiting()[0], by="anna", why="")

        assert directory.publish(model("a")).new

    def test_it_says_nothing_of_versions(self, directory, model):
        hold(directory, model("a"))
        directory.decline(directory.waiting()[0], by="anna", why="")
        version = directory.publish(model("a")).served.version
        directory.carry_out(lambda: directory.planned_withdrawal(version))
        hold(directory, model("b"))
        directory.decline(directory.waiting()[0], by="anna", why="")

        with pytest.raises(Withdrawn, match=f"Version {version}, this very model, was withdrawn"):
            directory.publish(model("a"))


class TestNoMoreWaitThanSomebodyCouldDecideOn:
    def runs(self, directory):
        return [one.candidate.run for one in directory.waiting()]

    def told(self, directory):
        return [(event.run, event.why) for event in directory.events() if event.what == "outdated"]

    def test_the_same_model_waits_once(self, either, model):
        hold(either, model("a"))
        hold(either, model("a"), run="20261125-101500")

        assert self.runs(either) == ["20261125-101500"]
        assert self.told(either) == [(RUN, "the same model waits, of run 20261125-101500")]

    def test_what_could_not_be_approved_any_more_goes(self, either, model):
        hold(either, model("a"))
        either.publish(model("served"))
        hold(either, model("b"), run="20261125-101500")

        assert self.runs(either) == ["20261125-101500"]
        assert self.told(either) == [(RUN, "another model is being served than the one that it was compared with")]

    def test_of_more_than_some_the_oldest_go(self, directory, model):
        for number in range(approval.MOST + 3):
            hold(directory, model(str(number)), run=f"20261124-{number:06d}")

        assert self.runs(directory) == [f"20261124-{number:06d}" for number in range(3, approval.MOST + 3)]
        assert [run for run, _ in self.told(directory)] == [f"20261124-{number:06d}" for number in range(3)]

    def test_a_model_that_was_withdrawn_while_it_waited_stays_withdrawn(self, directory, model):
        hold(directory, model("a"))
        version = directory.publish(model("a")).served.version
        directory.carry_out(lambda: directory.planned_withdrawal(version))
        directory.publish(model("served"))
        hold(directory, model("b"), run="20261125-101500")

        assert self.runs(directory) == ["20261125-101500"]
        with pytest.raises(Withdrawn):
            directory.publish(model("a"))

    def test_half_of_one_that_nobody_will_complete_goes(self, either, model):
        half = f"{either.path}/.age-pipeline/waiting/20261101-101500"
        storage.make_directory(half)
        storage.write_text(f"{half}/saved_model.pb", "half")

        hold(either, model("a"))

        assert storage.list_directory(f"{either.path}/.age-pipeline/waiting") == [RUN]


def test_a_model_of_whose_approval_nobody_could_be_told_can_be_approved_again(directory, model):
    hold(directory, model("a"))

    def fail(served):
        raise OSError("the report can't be written")

    with pytest.raises(OSError, match="can't be written"):
        directory.approve(directory.waiting()[0], by="anna", why="", tell=fail)
    told = []
    directory.approve(directory.waiting()[0], by="anna", why="", tell=told.append)

    assert told == directory.versions() and len(told) == 1
    assert directory.waiting() == []

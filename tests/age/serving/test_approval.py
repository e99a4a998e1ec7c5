"""A model that waits for approval: whole where no server looks, and pushed on a person's word while nothing has changed since."""

import os
import pathlib
import shutil
import uuid

import pytest

from age.serving.model_digest import content_digest
from age.serving.serving_directory import Champion, ServingDirectory, Withdrawn
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

"""What the owner of a serving directory promises: whole versions that rise, a history, and no model back by accident."""

import os
import pathlib
import shutil

import pytest

from age.serving import serving_directory
from age.serving.model_digest import content_digest
from age.serving.serving_directory import Champion, Withdrawn
from schemas.bad_input import BadInput
from tests.age.serving.conftest import is_whole


def numbers(served):
    return [one.version for one in served]


def test_a_published_model_is_the_newest_version_and_whole(directory, model):
    first = directory.publish(model("a"), run="20261124-101500")
    second = directory.publish(model("b"))

    assert first.new and second.new
    assert numbers(directory.versions()) == [second.served.version, first.served.version]
    assert second.served.version > first.served.version
    assert is_whole(pathlib.Path(second.served.path))
    assert [served.version for served in serving_directory.served_models(directory.path)] == numbers(directory.versions())


def test_two_pushes_in_one_second_get_two_versions(directory, model):
    versions = [directory.publish(model(name)).served.version for name in "abcdefgh"]

    assert versions == sorted(set(versions))


def test_versions_rise_above_one_that_lies_in_the_future_and_above_withdrawn_ones(directory, model):
    shutil.copytree(model("by hand"), pathlib.Path(directory.path) / "4000000000")

    pushed = directory.publish(model("a")).served.version
    directory.carry_out(lambda: directory.planned_withdrawal(pushed))
    again = directory.publish(model("b")).served.version

    assert (pushed, again) == (4000000001, 4000000002)


def test_a_model_that_is_the_newest_version_is_not_published_again(directory, model):
    first = directory.publish(model("a"))

    again = directory.publish(model("a"))

    assert (again.new, again.served) == (False, first.served)
    assert len(directory.versions()) == len(directory.events()) == 1


def test_a_model_that_another_one_has_followed_is_published_anew(directory, model):
    for name in "aba":
        published = directory.publish(model(name))

    assert published.new
    assert len(directory.versions()) == 3


def test_what_lies_beside_the_model_makes_it_no_other_one(model, tmp_path):
    other = shutil.copytree(model("a"), tmp_path / "copy")
    (other / "assets.extra" / "model_card.md").write_text("# A card\n")

    assert content_digest(str(other)) == content_digest(model("a")) != content_digest(model("b"))
    (other / "variables" / "variables.index").write_text("")
    assert content_digest(str(other)) != content_digest(model("a"))


def test_a_version_removed_by_hand_is_published_again(directory, model):
    first = directory.publish(model("a"))
    shutil.rmtree(first.served.path)

    again = directory.publish(model("a"))

    assert again.new and again.served.version > first.served.version
    assert [(event.what, event.version) for event in directory.events()] == [
        ("published", first.served.version),
        ("gone", first.served.version),
        ("published", again.served.version),
    ]


def test_a_withdrawn_model_is_not_published_again_and_the_refusal_says_who_and_why(directory, model):
    version = directory.publish(model("a")).served.version
    directory.carry_out(lambda: directory.planned_withdrawal(version), by="anna", why="too young by ten years")

    with pytest.raises(Withdrawn) as refused:
        directory.publish(model("a"))

    assert directory.versions() == [] and numbers(directory.withdrawn()) == [version]
    said = str(refused.value)
    assert f"Version {version}" in said and "by anna (too young by ten years)" in said
    assert f"age-pipeline serving restore {version}" in said


def test_a_restored_version_is_served_as_it_was(directory, model):
    version = directory.publish(model("a")).served.version
    directory.carry_out(lambda: directory.planned_withdrawal(version))

    directory.carry_out(lambda: directory.planned_restoring(version))

    (served,) = directory.versions()
    assert served.version == version and is_whole(pathlib.Path(served.path))
    assert not directory.publish(model("a")).new
    assert [event.what for event in directory.events()] == ["published", "withdrawn", "restored"]


def test_rollback_withdraws_all_that_is_newer(directory, model):
    versions = [directory.publish(model(name)).served.version for name in "abcd"]

    directory.carry_out(directory.planned_rollback)
    assert numbers(directory.versions()) == versions[2::-1]
    directory.carry_out(lambda: directory.planned_rollback(versions[0]), by="ben", why="b and c are worse")

    assert numbers(directory.versions()) == versions[:1]
    assert numbers(directory.withdrawn()) == versions[:0:-1]
    assert [(event.what, event.version, event.by) for event in directory.events()][-2:] == [
        ("withdrawn", versions[2], "ben"),
        ("withdrawn", versions[1], "ben"),
    ]


def test_pruning_spares_the_served_version_and_its_predecessor(directory, model):
    versions = [directory.publish(model(name)).served.version for name in "abcd"]

    planned = directory.planned_pruning(keep=1)
    assert numbers(directory.versions()) == versions[::-1], "a plan changes nothing"
    directory.carry_out(lambda: directory.planned_pruning(keep=1))

    assert [change.version for change in planned] == versions[:2]
    assert numbers(directory.versions()) == [versions[3], versions[2]]
    assert directory.publish(model("a")).new, "what was pruned may come back"


@pytest.mark.parametrize("plan", ["planned_withdrawal", "planned_rollback", "planned_restoring"])
def test_a_version_that_there_is_none_of_is_refused_with_those_that_there_are(directory, model, plan):
    version = directory.publish(model("a")).served.version

    with pytest.raises(BadInput) as refused:
        getattr(directory, plan)(7)

    assert "version 7" in str(refused.value)
    assert ("None is withdrawn." if plan == "planned_restoring" else f"This is there: {version}.") in str(refused.value)


def test_nothing_before_the_only_version_to_roll_back_to(directory, model):
    directory.publish(model("a"))

    with pytest.raises(BadInput, match="none before it to go back to"):
        directory.planned_rollback()


def test_the_champion_is_the_newest_version_unless_it_is_this_very_model(directory, model):
    assert directory.champion(content_digest(model("a"))) == Champion()
    first = directory.publish(model("a")).served
    second = directory.publish(model("b")).served

    assert directory.champion(content_digest(model("c"))) == Champion(second.version, content_digest(model("b")))
    assert directory.champion(content_digest(model("b"))) == Champion(first.version, content_digest(model("a")))


class TestTheBestVersion:
    """A chain of pushes, each a little worse than the one before, may not end anywhere."""

    @pytest.fixture
    def chain(self, directory, model):
        return [directory.publish(model(name), mae=mae).served for name, mae in (("a", 4.0), ("b", 4.2), ("c", 4.4))]

    def best(self, directory, model, candidate="d"):
        digest = content_digest(model(candidate))
        return directory.best(digest, directory.champion(digest))

    def test_is_the_one_whose_own_run_measured_the_least_error(self, directory, model, chain):
        assert self.best(directory, model) == Champion(chain[0].version, content_digest(model("a")))

    def test_is_none_where_the_champion_is_it(self, directory, model, chain):
        directory.publish(model("better"), mae=3.9)

        assert self.best(directory, model) == Champion()

    def test_is_one_that_is_still_there(self, directory, model, chain):
        directory.carry_out(lambda: directory.planned_withdrawal(chain[0].version))

        assert self.best(directory, model).version == chain[1].version

    def test_is_not_the_candidate_itself(self, directory, model, chain):
        assert self.best(directory, model, candidate="a").version == chain[1].version

    def test_is_none_where_nobody_wrote_down_what_was_measured(self, directory, model):
        for name in "ab":
            directory.publish(model(name))

        assert self.best(directory, model) == Champion()

    def test_is_asked_where_the_champions_record_is_not_known(self, directory, model, chain):
        shutil.copytree(model("by hand"), pathlib.Path(directory.path) / "4000000000")

        assert self.best(directory, model).version == chain[0].version


def test_nothing_is_pushed_when_another_model_is_served_than_the_candidate_was_compared_with(directory, model):
    directory.publish(model("a"))
    compared_with = directory.champion(content_digest(model("candidate")))
    between = directory.publish(model("b")).served.version

    with pytest.raises(BadInput) as refused:
        directory.publish(model("candidate"), compared_with=compared_with)

    assert f"version {between} is being served by now" in str(refused.value)
    assert f"compared with version {compared_with.version}. Nothing was pushed." in str(refused.value)
    assert directory.versions()[0].version == between
    assert os.listdir(pathlib.Path(directory.path) / ".age-pipeline" / "unfinished") == []


def test_a_candidate_that_met_no_champion_is_not_pushed_over_one(directory, model):
    directory.publish(model("a"))

    with pytest.raises(BadInput, match="compared with nothing"):
        directory.publish(model("b"), compared_with=Champion())


def test_the_same_model_under_another_version_is_the_champion_that_it_was(directory, model):
    directory.publish(model("a"))
    compared_with = directory.champion(content_digest(model("candidate")))
    version = directory.versions()[0].version
    shutil.copytree(directory.versions()[0].path, pathlib.Path(directory.path) / str(version + 5))

    assert directory.publish(model("candidate"), compared_with=compared_with).new


def test_what_somebody_put_there_by_hand_is_noticed(directory, model):
    directory.publish(model("a"))
    shutil.copytree(model("by hand"), pathlib.Path(directory.path) / "4000000000")

    directory.publish(model("b"))

    event = next(event for event in directory.events() if event.what == "found")
    assert (event.version, event.digest) == (4000000000, content_digest(model("by hand")))


@pytest.mark.parametrize("name", ["notes", "-3", "٣", "9" * 30])
def test_what_no_server_takes_for_a_version_is_none(directory, model, name):
    shutil.copytree(model("a"), pathlib.Path(directory.path) / name)

    assert directory.versions() == []


def test_an_event_that_can_not_be_read_is_refused_and_named(directory, model):
    directory.publish(model("a"))
    (path,) = (pathlib.Path(directory.path) / ".age-pipeline" / "history").iterdir()
    path.write_text("{")

    with pytest.raises(BadInput, match=f"{path.name}: expected an event"):
        directory.publish(model("b"))


def test_a_folder_without_a_saved_model_is_not_published(directory, tmp_path):
    with pytest.raises(BadInput, match="there is no SavedModel to publish"):
        directory.publish(str(tmp_path))


def test_a_directory_that_can_not_be_written_is_named(tmp_path, model):
    (tmp_path / "file").write_text("")

    with pytest.raises(BadInput, match=r"file/age: the model can't be written there"):
        serving_directory.ServingDirectory(str(tmp_path / "file" / "age")).publish(model("a"))

"""The serving directory from the command line."""

import pathlib

import pytest

from age.serving.serving_directory import ServingDirectory
from tests.age.serving.conftest import write_model


@pytest.fixture
def directory(tmp_path) -> ServingDirectory:
    """Three versions, in the workdir `work`."""
    directory = ServingDirectory(str(tmp_path / "work" / "serving" / "age"))
    for name in "abc":
        directory.publish(write_model(tmp_path / name, name), run=f"20261124-10000{ord(name) - 97}")
    return directory


@pytest.fixture
def serving(age_pipeline, tmp_path, directory):
    """Runs a subcommand in that workdir; returns its output as lines."""

    def run(*arguments, status=0):
        finished = age_pipeline("serving", *arguments, "--workdir", tmp_path / "work")
        assert finished.returncode == status, finished.stderr
        assert "Traceback" not in finished.stderr
        return (finished.stdout + finished.stderr).splitlines()

    return run


def numbers(directory):
    return [served.version for served in directory.versions()]


def test_list_says_what_is_being_served(serving, directory):
    first, second, third = reversed(numbers(directory))
    directory.carry_out(lambda: directory.planned_withdrawal(second))

    heading, *rows = serving("list")[:4]

    assert heading.split() == ["version", "state", "published", "(UTC)", "run", "content"]
    assert [row.split()[0] for row in rows] == [str(third), str(first), str(second)]
    assert "being served" in rows[0] and "older" in rows[1] and "withdrawn" in rows[2]
    assert "20261124-100002" in rows[0] and directory.versions()[0].digest[:12] in rows[0]


def test_rollback_says_what_it_would_do_and_does_it(serving, directory):
    before = numbers(directory)

    assert serving("rollback", "--dry-run") == [f"would withdraw {before[0]}", f"then served: {before[1]}"]
    assert numbers(directory) == before
    assert serving("rollback", "--by", "anna", "--reason", "complaints") == [
        f"withdrew {before[0]}",
        f"being served: {before[1]}",
    ]

    assert numbers(directory) == before[1:]
    last = serving("history")[-1]
    assert "withdrawn" in last and "anna" in last and "complaints" in last


def test_withdraw_and_restore(serving, directory):
    before = numbers(directory)

    assert serving("withdraw", before[0])[-1] == f"being served: {before[1]}"
    assert serving("restore", before[0], "--dry-run") == [f"would restore {before[0]}", f"then served: {before[0]}"]
    assert serving("restore", before[0])[-1] == f"being served: {before[0]}"

    assert numbers(directory) == before


def test_prune_keeps_the_newest(serving, directory):
    before = numbers(directory)

    assert serving("prune", "--keep", 2, "--dry-run")[0] == f"would remove {before[2]}"
    assert numbers(directory) == before
    assert serving("prune", "--keep", 2)[0] == f"removed {before[2]}"
    assert serving("prune", "--keep", 2)[0] == "nothing to do"

    assert numbers(directory) == before[:2]
    assert not (pathlib.Path(directory.path) / ".age-pipeline" / "withdrawn").exists()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (("withdraw", 7), "there is no version 7. These are there:"),
        (("rollback", 7), "there is no version 7. These are there:"),
        (("restore", 7), "version 7 can't be restored. None is withdrawn."),
        (("prune", "--keep", 1), "Expected 2 or more"),
    ],
)
def test_what_can_not_be_done_is_one_sentence_and_changes_nothing(serving, directory, arguments, sentence):
    before = numbers(directory)

    said = serving(*arguments, status=2)

    assert len(said) == 1 and sentence in said[0]
    assert numbers(directory) == before


def test_a_directory_without_versions_is_said_to_be_one(age_pipeline, tmp_path):
    for command in ("list", "history"):
        finished = age_pipeline("serving", command, "--workdir", tmp_path)

        assert finished.returncode == 0 and f"{tmp_path}/serving/age: no" in finished.stdout

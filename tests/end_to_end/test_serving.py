"""What is being served after a run, and what a rerun makes of a serving directory that somebody changed."""

import json
import pathlib
import shutil

import pytest

from age.serving.model_digest import content_digest
from age.serving.serving_directory import ServingDirectory
from pipeline import configuration
from pipeline.local import local_runner
from pipeline.terminal import run_display
from schemas.bad_input import BadInput
from tests.end_to_end.conftest import SMALL_RUN, run_pipeline
from tests.end_to_end.test_local_run import command_line, run_command

NOT_TRAINED = {"FaceExampleGen", "Trainer"}


@pytest.fixture
def workdir(blessed, shades, tmp_path_factory) -> pathlib.Path:
    """The workdir of a blessed run, for one test to change what is being served."""
    serving = blessed.workdir / "serving" / "age"
    kept = tmp_path_factory.mktemp("kept") / "age"
    shutil.copytree(serving, kept)
    yield blessed.workdir
    shutil.rmtree(serving)
    shutil.copytree(kept, serving)


def served(workdir) -> ServingDirectory:
    return ServingDirectory(str(workdir / "serving" / "age"))


def another_model(path, destination) -> str:
    """Copies a model and makes it another one that answers alike, as a new version of a library would."""
    shutil.copytree(path, destination)
    (destination / "assets" / "note.txt").write_text(f"{destination.name}\n")
    return str(destination)


def test_the_history_tells_of_the_push(blessed):
    (event,) = served(blessed.workdir).events()

    assert (event.what, str(event.version), event.run) == (
        "published",
        blessed.verdict["model_version"],
        blessed.verdict["run_id"],
    )
    assert event.digest == content_digest(blessed.verdict["paths"]["model"])


def test_a_blessed_model_that_was_removed_by_hand_is_pushed_again(shades, workdir, blessed, capsys):
    for version in (workdir / "serving" / "age").glob("*"):
        shutil.rmtree(version)

    status, printed = command_line(capsys, *run_command(shades, workdir))

    assert status == 0 and "BLESSED: this model may serve, over all ages together.\n" in printed
    (version,) = served(workdir).versions()
    assert version.path in printed and version.version > int(blessed.verdict["model_version"])
    assert (pathlib.Path(version.path) / "assets.extra" / "model_card.md").is_file()


def test_a_withdrawn_model_is_not_pushed_again_and_the_verdict_says_so(shades, workdir, blessed, capsys):
    version = int(blessed.verdict["model_version"])
    served(workdir).carry_out(lambda: served(workdir).planned_withdrawal(version), by="anna", why="complaints")

    status, printed = command_line(capsys, *run_command(shades, workdir))

    assert status == 3 and "NOT BLESSED" in printed
    assert f"Version {version}, this very model, was withdrawn" in printed and "by anna (complaints)" in printed
    assert served(workdir).versions() == []
    newest = max((workdir / "reports").iterdir())
    verdict = json.loads((newest / "blessing.json").read_text())
    assert (verdict["blessed"], verdict["model_version"]) == (False, None)
    assert "was withdrawn" in (newest / "report.html").read_text()


def test_the_model_being_served_is_the_champion_although_it_was_made_from_the_same_recipe(shades, workdir, blessed, tmp_path):
    other = another_model(blessed.verdict["paths"]["model"], tmp_path / "other")
    version = served(workdir).publish(other).served.version

    again = run_pipeline(shades, workdir)

    assert again.from_cache() >= NOT_TRAINED and "AgeEvaluator" in again.executed()
    champion = again.verdict["champion"]
    assert champion["version"] == version
    assert champion["metrics"]["mae"] == pytest.approx(again.verdict["metrics"]["mae"])
    difference = champion["difference"]
    assert (difference["mean"], difference["low"], difference["high"], difference["example_count"]) == (0, 0, 0, 36)
    assert again.verdict["model_version"] == str(served(workdir).versions()[0].version), "it is the newest again"


class PublishingMeanwhile(run_display.PlainLines):
    """Has another model served while the candidate is being measured, as a second workdir's run would."""

    def __init__(self, say, directory, model):
        super().__init__(say)
        self._directory, self._model = directory, model

    def began(self, stage):
        super().began(stage)
        if stage == "Pusher":
            self._directory.publish(self._model)


def test_nothing_is_pushed_over_a_model_that_the_candidate_was_not_compared_with(shades, workdir, blessed, tmp_path):
    first = served(workdir).versions()[0]
    other = another_model(first.path, tmp_path / "other")
    third = another_model(other, tmp_path / "third")
    configured = configuration.load(None, SMALL_RUN, data_dir=str(shades), workdir=str(workdir))
    served(workdir).publish(other)

    with pytest.raises(BadInput, match="Nothing was pushed. Run it again") as refused:
        local_runner.run(configured, display=PublishingMeanwhile(lambda line: None, served(workdir), third))

    newest = served(workdir).versions()[0]
    assert newest.digest == content_digest(third) and f"version {newest.version} is being served by now" in str(refused.value)
    again = run_pipeline(shades, workdir)
    assert again.from_cache() >= NOT_TRAINED and again.verdict["champion"]["version"] == newest.version

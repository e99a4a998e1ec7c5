"""What is being served after a run, and what a rerun makes of a serving directory that somebody changed."""

import json
import os
import pathlib
import shutil

import jsonschema
import numpy as np
import pandas as pd
import pytest

from age.serving import training_images
from age.serving.model_digest import content_digest
from age.serving.serving_directory import ServingDirectory
from pipeline import configuration
from pipeline.cli import cli
from pipeline.local import local_runner
from pipeline.terminal import run_display
from schemas.__main__ import SCHEMA_FILE
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


def test_with_manual_approval_the_model_waits_until_a_person_has_it_pushed(shades, workdir, blessed, capsys):
    blessed_model = content_digest(blessed.verdict["paths"]["model"])
    shutil.rmtree(workdir / "serving" / "age")

    status, printed = command_line(capsys, *run_command(shades, workdir, "pusher.approval=manual"))

    assert status == 0 and "BLESSED, waiting for approval: nothing was pushed." in printed and "may serve" not in printed
    report = max((workdir / "reports").iterdir())
    assert f"age-pipeline serving approve {report.name} --by NAME --reason TEXT --workdir {workdir}" in printed
    verdict = json.loads((report / "blessing.json").read_text())
    jsonschema.validate(verdict, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert (verdict["blessed"], verdict["push"], verdict["model_version"]) == (True, "awaiting_approval", None)
    assert '<div class="answer">Not yet</div>' in (report / "report.html").read_text()
    assert served(workdir).versions() == []

    cli.main(
        ["serving", "approve", report.name, "--by", "anna", "--reason", "fine", "--workdir", str(workdir)],
        standalone_mode=False,
    )

    (version,) = served(workdir).versions()
    assert version.digest == blessed_model
    verdict, page = json.loads((report / "blessing.json").read_text()), (report / "report.html").read_text()
    jsonschema.validate(verdict, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert (verdict["push"], verdict["model_version"]) == ("pushed", str(version.version))
    assert '<div class="answer">Yes' in page and "data:image/jpeg" in page, "the faces are still there"
    status, printed = command_line(capsys, *run_command(shades, workdir, "pusher.approval=manual"))
    assert status == 0 and "BLESSED: this model may serve" in printed, "it is being served: there is nothing to approve"
    assert served(workdir).versions() == [version] and served(workdir).waiting() == []


class FailingReport(run_display.PlainLines):
    """Has something in the way of the report once the model is pushed."""

    def __init__(self, say, reports):
        super().__init__(say)
        self._reports = reports

    def began(self, stage):
        super().began(stage)
        if stage == "BlessingReport":
            (max(self._reports.iterdir()) / "report.html").mkdir()


def test_a_report_that_fails_after_the_push_leaves_a_verdict_and_the_next_run_mends_it(shades, workdir, blessed, capsys):
    shutil.rmtree(workdir / "serving" / "age")
    configured = configuration.load(None, SMALL_RUN, data_dir=str(shades), workdir=str(workdir))

    with pytest.raises(local_runner.RunFailed, match="BlessingReport failed"):
        local_runner.run(configured, display=FailingReport(lambda line: None, workdir / "reports"))

    (version,) = served(workdir).versions()
    broken = max((workdir / "reports").iterdir())
    verdict = json.loads((broken / "blessing.json").read_text())
    jsonschema.validate(verdict, json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    assert (verdict["blessed"], verdict["push"]) == (True, "pending") and verdict["metrics"] == blessed.verdict["metrics"]
    capsys.readouterr()
    cli.main(["report", "--workdir", str(workdir)], standalone_mode=False)
    assert f"{broken.name}: the verdict was written and the report was not" in (listed := capsys.readouterr().out)
    assert f"Its model was pushed as version {version.version}. Run it again" in listed

    again = run_pipeline(shades, workdir)

    assert (again.verdict["push"], again.verdict["model_version"]) == ("pushed", str(version.version))
    assert served(workdir).versions() == [version]
    cli.main(["report", "--workdir", str(workdir)], standalone_mode=False)
    assert f"pushed as version {version.version}, of which {again.verdict['run_id']} reports." in capsys.readouterr().out


class PublishingMeanwhile(run_display.PlainLines):
    """Has another model served while the candidate is being measured, as a second workdir's run would."""

    def __init__(self, say, directory, model):
        super().__init__(say)
        self._directory, self._model = directory, model

    def began(self, stage):
        super().began(stage)
        if stage == "Pusher":
            self._directory.publish(self._model)


class DamagingTheExport(run_display.PlainLines):
    """Cuts the exported model's variables short after they were evaluated, as a disk does that is full."""

    def __init__(self, workdir):
        super().__init__(lambda line: None)
        self._workdir = workdir

    def began(self, stage):
        super().began(stage)
        if stage == "Canary":
            (variables,) = self._workdir.glob("pipeline_root/Trainer/model/*/Format-Serving/variables/*.data-*")
            os.truncate(variables, variables.stat().st_size // 2)


def test_a_damaged_export_is_refused_before_anything_is_served(shades, tmp_path):
    configured = configuration.load(
        None, [*SMALL_RUN, "trainer.epochs=1", "evaluator.max_mae=200"], data_dir=str(shades), workdir=str(tmp_path)
    )

    verdict = local_runner.run(configured, display=DamagingTheExport(tmp_path))

    assert (verdict.blessed, verdict.model_version, verdict.canary.passed) == (False, None, False)
    (reason,) = verdict.reasons
    assert reason.startswith("The canary refused the exported model: loaded by TensorFlow alone, it fails: ")
    assert served(tmp_path).versions() == [] and served(tmp_path).events() == []


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


def hashes_of_test_photographs(run) -> list[bytes]:
    table = pd.read_csv(run.verdict["paths"]["predictions"])
    return [bytes.fromhex(sha256) for sha256 in table["sha256"]]


def test_a_model_tells_which_photographs_it_learnt_from_and_none_of_them_is_a_test_photograph(blessed):
    learnt_from = training_images.read(blessed.verdict["paths"]["model"])

    splits = blessed.verdict["data"]["splits"]
    assert len(learnt_from) == splits["train"] + splits["validation"]
    tested = {training_images.prefix(sha256.hex()) for sha256 in hashes_of_test_photographs(blessed)}
    assert len(tested) == 36 and tested.isdisjoint(learnt_from.tolist())


def test_photographs_that_the_champion_learnt_from_are_left_out_of_the_comparison(shades, workdir, blessed, tmp_path):
    other = another_model(blessed.verdict["paths"]["model"], tmp_path / "other")
    training_images.write(other, [np.array(hashes_of_test_photographs(blessed)[:5], dtype="S32")])
    served(workdir).publish(other)

    again = run_pipeline(shades, workdir)

    champion = again.verdict["champion"]
    assert (champion["learnt_from"], champion["difference"]["example_count"]) == (5, 31)
    page = (workdir / "reports" / again.verdict["run_id"] / "report.html").read_text()
    assert f"5 test photographs are left out of the comparison with version {champion['version']}" in page


def test_a_champion_that_does_not_tell_what_it_learnt_from_is_said_to_be_one(shades, workdir, blessed, tmp_path, capsys):
    other = another_model(blessed.verdict["paths"]["model"], tmp_path / "older")
    (tmp_path / "older" / "assets.extra" / training_images.FILE).unlink()
    version = served(workdir).publish(other).served.version

    status, printed = command_line(capsys, *run_command(shades, workdir))

    assert status == 0
    assert f"Whether version {version} learnt from some of these photographs could not be told" in printed


def test_a_chain_of_pushes_does_not_drift_away_from_the_best_version(shades, workdir, blessed):
    best = served(workdir).versions()[0]
    allowed = ("evaluator.max_mae=80", "evaluator.max_regression=80")
    worse = run_pipeline(shades, workdir, *allowed, "trainer.epochs=1").verdict
    assert worse["blessed"] and worse["metrics"]["mae"] > blessed.verdict["metrics"]["mae"] + 1

    refused = run_pipeline(shades, workdir, "evaluator.max_mae=80", "trainer.epochs=2").verdict

    assert refused["metrics"]["mae"] < worse["metrics"]["mae"] + 0.25, "it stands up to the champion"
    assert refused["champion"]["version"] == int(worse["model_version"])
    assert refused["best_version"]["version"] == best.version and refused["best_version"]["learnt_from"] == 0
    assert refused["best_version"]["metrics"]["mae"] == pytest.approx(blessed.verdict["metrics"]["mae"], abs=1e-3)
    assert not refused["blessed"] and refused["reasons"]
    assert all(f"version {best.version}, the best one that is still in the serving" in reason for reason in refused["reasons"])
    assert served(workdir).versions()[0].version == int(worse["model_version"])

"""Approving or declining a model completes the report of its run, which is the page that a real verdict has."""

import functools
import json
import pathlib

import pytest

from age.reporting import page, verdicts
from age.serving.model_digest import content_digest
from age.serving.serving_directory import ServingDirectory
from schemas.bad_input import BadInput
from schemas.verdict import BLESSING_FILE, SCHEMA_VERSION, Verdict
from tests.age.serving.conftest import write_model

RUN = "20261124-101500"
EXAMPLE = pathlib.Path(__file__).parent / "blessing_without_schema_version.json"


@pytest.fixture
def workdir(tmp_path):
    """A workdir in which the model of a run waits, as the run left it."""
    workdir = tmp_path / "work"
    report = workdir / "reports" / RUN
    verdict = Verdict.from_json(EXAMPLE.read_text(encoding="utf-8"))
    verdict = verdict.model_copy(update={"run_id": RUN, "model_version": None, "schema_version": SCHEMA_VERSION})
    verdict = verdicts.awaiting_approval(
        verdicts.with_paths(verdict, model=None, model_card=None, predictions=None, examples=None, rejects=None)
    )
    page.write(verdict, str(report))
    model = write_model(tmp_path / "model", "a")
    directory = serving(workdir)
    directory.hold(model, directory.champion(content_digest(model)), RUN, str(report))
    return workdir


def serving(workdir) -> ServingDirectory:
    return ServingDirectory(str(workdir / "serving" / "age"))


def read(workdir):
    report = workdir / "reports" / RUN
    return json.loads((report / BLESSING_FILE).read_text()), (report / page.REPORT_FILE).read_text()


@pytest.fixture
def decide(age_pipeline, workdir):
    """Runs `serving approve` or `decline` in the workdir, or with other options; returns what it printed."""

    def run(command, *arguments, status=0, where=None):
        where = ("--workdir", workdir) if where is None else where
        finished = age_pipeline("serving", command, *arguments, "--by", "anna", "--reason", "<b>looked</b> at it", *where)
        assert finished.returncode == status, finished.stderr
        assert "Traceback" not in finished.stderr
        return finished.stdout + finished.stderr

    return run


@pytest.fixture
def approve(decide):
    return functools.partial(decide, "approve")


def test_before_it_the_page_says_not_yet_and_how(workdir):
    verdict, text = read(workdir)

    assert (verdict["blessed"], verdict["push"], verdict["model_version"]) == (True, "awaiting_approval", None)
    assert '<div class="answer">Not yet</div>' in text
    assert f"age-pipeline serving approve {RUN} --by NAME --reason TEXT" in text


def test_it_pushes_and_the_report_says_who_had_it_pushed_and_why(workdir, approve):
    before = read(workdir)[1]

    printed = approve(RUN[:8])

    (served,) = serving(workdir).versions()
    assert printed.splitlines() == [
        f"pushed the model of {RUN}",
        f"being served: {served.path}",
        f"report: {workdir / 'reports' / RUN}",
    ]
    verdict, text = read(workdir)
    assert (verdict["push"], verdict["model_version"], verdict["paths"]["model"]) == (
        "pushed",
        str(served.version),
        served.path,
    )
    assert verdict["approval"]["by"] == "anna" and verdict["approval"]["reason"] == "<b>looked</b> at it"
    assert '<div class="answer">Yes</div>' in text and "Not yet" not in text
    assert "by anna on " in text and "&lt;b&gt;looked&lt;/b&gt; at it" in text and "<b>looked" not in text
    card = pathlib.Path(served.path) / "assets.extra" / "model_card.md"
    assert verdict["paths"]["model_card"] == str(card) and f"version {served.version}" in card.read_text()
    assert '<a href="model_card.md">' in text and (workdir / "reports" / RUN / "model_card.md").is_file()
    drawn = before[before.index('<section id="error">') : before.index('<section id="provenance">')]
    assert drawn in text, "what the run drew stays as it was"


def test_a_dry_run_changes_nothing(workdir, approve):
    before = read(workdir)

    assert approve(RUN, "--dry-run") == f"would push the model of {RUN}\n"

    assert read(workdir) == before and serving(workdir).versions() == []
    assert len(serving(workdir).waiting()) == 1


def test_another_model_that_is_being_served_by_now_is_said_in_a_sentence(workdir, approve, tmp_path):
    other = serving(workdir).publish(write_model(tmp_path / "other", "other")).served
    before = read(workdir)

    for dry_run in (["--dry-run"], []):
        said = approve(RUN, *dry_run, status=2)
        assert f"version {other.version} is being served by now" in said and "Run it again" in said

    assert read(workdir) == before


def test_declining_removes_it_and_the_report_says_who_wanted_it_not_and_why(workdir, decide, age_pipeline):
    before = read(workdir)
    assert decide("decline", RUN, "--dry-run") == f"would decline the model of {RUN}\n"
    assert read(workdir) == before and len(serving(workdir).waiting()) == 1

    assert decide("decline", RUN[:8]).splitlines() == [
        f"declined the model of {RUN}",
        f"report: {workdir / 'reports' / RUN}",
    ]

    assert serving(workdir).waiting() == serving(workdir).versions() == []
    verdict, text = read(workdir)
    assert (verdict["blessed"], verdict["push"], verdict["model_version"]) == (False, None, None)
    assert verdict["reasons"][-1].startswith("anna declined the model on ")
    assert '<div class="answer">No</div>' in text and "&lt;b&gt;looked&lt;/b&gt; at it" in text and "<b>looked" not in text
    assert "serving approve" not in text
    assert "not blessed" in age_pipeline("report", "--workdir", workdir).stdout
    (event,) = age_pipeline("serving", "history", "--workdir", workdir).stdout.splitlines()[1:]
    assert "declined" in event and RUN in event and "anna" in event
    assert "no model of a run" in decide("approve", RUN, status=2)


@pytest.mark.parametrize("command", ["approve", "decline"])
def test_nobody_decides_without_a_name_and_a_reason(workdir, age_pipeline, command):
    finished = age_pipeline("serving", command, RUN, "--by", "anna", "--workdir", workdir)

    assert finished.returncode == 2 and "Missing option '--reason'" in finished.stderr
    assert len(serving(workdir).waiting()) == 1


@pytest.mark.parametrize("name", ["2025", ""])
def test_a_run_of_which_no_model_waits_is_said_with_those_that_there_are(workdir, approve, name):
    said = approve(name, status=2)

    assert f"no model of a run {name!r} waits for approval. Expected one of these: {RUN}" in said


@pytest.mark.parametrize("command", ["approve", "decline"])
def test_a_run_that_has_not_written_its_report_yet_is_not_decided_on(workdir, decide, command):
    path = workdir / "reports" / RUN / BLESSING_FILE
    path.write_text(json.dumps({**json.loads(path.read_text()), "push": "pending"}))

    said = decide(command, RUN, status=2)

    assert "the run has not written its report yet" in said and serving(workdir).versions() == []
    assert len(serving(workdir).waiting()) == 1


def test_where_only_the_serving_directory_can_be_reached_the_model_is_pushed_and_that_is_said(workdir, approve, tmp_path):
    elsewhere = tmp_path / "bucket"
    (workdir / "serving" / "age").rename(elsewhere)
    (workdir / "reports").rename(tmp_path / "reports elsewhere")

    said = approve(RUN, where=("--set", f"serving.dir={elsewhere}"))

    (served,) = ServingDirectory(str(elsewhere)).versions()
    assert f"being served: {served.path}" in said and "still says that it waits" in said


def test_list_shows_what_waits(workdir, age_pipeline):
    finished = age_pipeline("serving", "list", "--workdir", workdir)

    assert any("waiting for approval" in line and RUN in line for line in finished.stdout.splitlines())
    listed = age_pipeline("report", "--workdir", workdir).stdout
    assert "blessed, waiting for approval" in listed
    printed = age_pipeline("report", RUN, "--workdir", workdir).stdout
    assert "BLESSED, waiting for approval: nothing was pushed." in printed
    assert f"age-pipeline serving approve {RUN} --by NAME --reason TEXT --workdir " in printed


def test_bad_input_is_no_traceback_where_a_candidate_can_not_be_read(workdir):
    (file,) = (workdir / "serving" / "age" / ".age-pipeline" / "waiting").glob("*/candidate.json")
    file.write_text("{")

    with pytest.raises(BadInput, match="it can't be read"):
        serving(workdir).waiting()

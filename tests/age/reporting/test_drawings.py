"""The charts and photographs of a report, and when they are drawn anew."""

import dataclasses
import json
import pathlib
import shutil

import pytest

from age.reporting import drawings, page
from schemas.verdict import Verdict
from tests.age.reporting.conftest import write_predictions

MARK = "<!-- drawn before -->"


def html(verdict: dict, memory: pathlib.Path) -> str:
    return page.render(Verdict.from_content(verdict), str(memory))


@pytest.fixture(scope="module")
def run(generated):
    """A run of whose data and training nothing is drawn, for the time that it takes."""
    verdict = generated.with_changes(slices=[], training=None)
    verdict["data"].update(ages={}, brightness={})
    return dataclasses.replace(generated, verdict=verdict)


@pytest.fixture(scope="module")
def drawn(run, tmp_path_factory) -> tuple[pathlib.Path, str]:
    """What the report of a run left in the memory, and its page."""
    memory = tmp_path_factory.mktemp("drawn") / drawings.MEMORY_FILE
    return memory, html(run.verdict, memory)


@pytest.fixture
def marked(drawn, tmp_path) -> pathlib.Path:
    """A memory whose drawings can be told from those that are drawn anew."""
    memory = tmp_path / drawings.MEMORY_FILE
    content = json.loads(drawn[0].read_text())
    content["drawings"]["charts"]["scatter"] += MARK
    memory.write_text(json.dumps(content))
    return memory


def test_a_rerun_takes_its_drawings_from_the_report_before(run, marked):
    again = run.with_changes(
        run_id="20260102-090000",
        created="2026-01-02T09:00:00+00:00",
        stages=[{"name": "Pusher", "seconds": 0.1, "cached": False}],
    )

    assert MARK in html(again, marked)


def test_its_page_is_the_one_that_would_be_drawn_anew(run, drawn):
    assert html(run.verdict, drawn[0]) == drawn[1]


def test_it_tells_of_its_own_run(run, marked):
    told = html(run.with_changes(run_id="20260102-090000"), marked)

    assert "20260102-090000" in told
    assert run.verdict["run_id"] not in told


def _with(run, place: str, **changes):
    verdict = run.with_changes()
    verdict[place] = {**verdict[place], **changes}
    return verdict


def _other_answers(run, directory: pathlib.Path) -> dict:
    rows = run.splits["test"]
    kept, rows[0].predicted = rows[0].predicted, rows[0].predicted + 1
    try:
        return _with(run, "paths", predictions=write_predictions(directory / "predictions.csv", rows))
    finally:
        rows[0].predicted = kept


CHANGES = {
    "a threshold": lambda run, _: _with(run, "thresholds", max_mae=7.0),
    "an answer": _other_answers,
    "the examples": lambda run, directory: _with(
        run, "paths", examples=str(shutil.copytree(run.verdict["paths"]["examples"], directory / "examples"))
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_changed_is_drawn_anew(run, marked, tmp_path, change):
    changed = CHANGES[change](run, tmp_path)

    assert MARK not in html(changed, marked)
    assert MARK not in marked.read_text()


def test_photographs_that_may_not_be_shown_any_more_are_forgotten(run, marked):
    assert "data:image/jpeg" in marked.read_text()
    verdict = run.with_changes()
    verdict["configuration"]["report"]["faces"] = False

    assert "data:image/jpeg" not in html(verdict, marked)
    assert "data:image/jpeg" not in marked.read_text()


def test_photographs_that_could_not_be_read_are_looked_for_again(run, tmp_path):
    memory = tmp_path / drawings.MEMORY_FILE
    moved = tmp_path / "examples"
    verdict = _with(run, "paths", examples=str(moved))

    assert "The photographs can&#39;t be shown" in html(verdict, memory)
    shutil.copytree(run.verdict["paths"]["examples"], moved)
    assert "data:image/jpeg" in html(verdict, memory)


@pytest.mark.parametrize("content", ["{", '{"made_from": "", "drawings": {}}'])
def test_a_memory_that_holds_nothing_of_use_is_written_anew(run, drawn, tmp_path, content):
    memory = tmp_path / drawings.MEMORY_FILE
    memory.write_text(content)

    assert html(run.verdict, memory) == drawn[1]
    assert json.loads(memory.read_text()) == json.loads(drawn[0].read_text())

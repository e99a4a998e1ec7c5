"""Runs in a workdir in which a model was trained: what they take from the cache, and what of it they judge anew."""

import itertools
import pathlib
import shutil

import pytest

from age import code_digest
from tests.end_to_end.conftest import run_pipeline
from tests.end_to_end.test_local_run import ALWAYS_RUN

ROOT = pathlib.Path(__file__).parents[2]
BEFORE_THE_EVALUATION = {"FaceExampleGen", "AgeSchemaGen", "StatisticsGen", "ExampleValidator", "Trainer"}


@pytest.fixture
def workdir(blessed):
    return blessed.workdir


def test_a_slice_clearly_above_the_ceiling_of_all_slices_refuses_a_model_that_is_good_on_average(workdir, shades):
    run = run_pipeline(shades, workdir, "evaluator.max_slice_mae=0.1", "evaluator.min_slice_examples=3")

    assert "Trainer" in run.from_cache() and "AgeEvaluator" in run.executed()
    assert not run.verdict["blessed"] and run.verdict["metrics"]["mae"] < run.verdict["thresholds"]["max_mae"]
    bad = [entry for entry in run.verdict["slices"] if entry["evidence"] == "bad"]
    assert len(bad) == len(run.verdict["reasons"]) > 0
    assert all(entry["mae_interval"]["low"] > 0.8 == entry["ceiling"] for entry in bad)
    assert all("clearly above the 0.8 years that a slice may have: 0.1 times 8" in one for one in run.verdict["reasons"])
    assert any(group["evidence"] == "bad" for group in run.verdict["groups"])


def test_a_model_above_the_ceiling_for_photographs_made_worse_is_refused(workdir, shades):
    run = run_pipeline(
        shades,
        workdir,
        "evaluator.robustness=true",
        "evaluator.robustness_examples=20",
        "evaluator.robustness_ceilings={darkened_strong: 0.1, left_covered: 100}",
    )

    assert "Trainer" in run.from_cache() and "AgeEvaluator" in run.executed() and not run.verdict["blessed"]
    (reason,) = run.verdict["reasons"]
    assert reason.startswith("The MAE on 20 test photographs, darker by 0.4") and "darkened_strong" in reason
    found = {entry["name"]: entry for entry in run.verdict["robustness"]["corrupted"]}
    assert found["darkened_strong"]["mae"] > 0.1 == found["darkened_strong"]["ceiling"]
    assert run.verdict["robustness"]["unchanged"]["example_count"] == 20
    page = (workdir / "reports" / run.verdict["run_id"] / "report.html").read_text(encoding="utf-8")
    assert 'id="robustness"' in page


def test_a_group_with_photographs_enough_is_served_and_named(workdir, shades):
    run = run_pipeline(shades, workdir, "evaluator.min_slice_examples=10")

    assert run.verdict["blessed"]
    genders = {group["value"]: group for group in run.verdict["groups"] if group["attribute"] == "gender"}
    assert {group["evidence"] for group in genders.values()} == {"adequate"}
    assert sum(group["example_count"] for group in genders.values()) == run.verdict["metrics"]["example_count"]
    ranges = [group for group in run.verdict["groups"] if group["attribute"] is None]
    assert ranges[0]["lowest_age"] == 0 and ranges[-1]["highest_age"] is None
    assert all(one["highest_age"] + 1 == other["lowest_age"] for one, other in itertools.pairwise(ranges))
    assert sum(group["example_count"] for group in ranges) == run.verdict["metrics"]["example_count"]


def test_other_code_of_a_step_runs_it_again_and_a_comment_runs_nothing(workdir, shades, tmp_path, monkeypatch):
    sources = tmp_path / "sources"
    for package in ("schemas", "age", "components", "pipeline"):
        shutil.copytree(ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code_digest, "_ROOT", sources)
    evidence = sources / "age" / "evaluation" / "evidence.py"

    def run():
        code_digest.of.cache_clear()
        code_digest._read.cache_clear()
        return run_pipeline(shades, workdir)

    try:
        evidence.write_text(f"# Why.\n{evidence.read_text()}")
        assert run().executed() == ALWAYS_RUN

        evidence.write_text(evidence.read_text().replace("entry.mae is None", "entry.bias is None", 1))
        changed = run()
        # DataGate writes the report where it stops a run, and so has the code of that behind it.
        assert changed.executed() >= {"AgeEvaluator", "DataGate"} and changed.from_cache() >= BEFORE_THE_EVALUATION
    finally:
        code_digest.of.cache_clear()
        code_digest._read.cache_clear()

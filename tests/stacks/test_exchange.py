"""What one stack made, the other one reads, serves, evaluates, compares and goes on with.

`make test-current` runs these on either stack, with a run of the other stack's that first_run.py made.
"""

import csv
import json
import os
import pathlib
import shutil

import pytest
import tensorflow as tf

from age.serving import Predictor
from pipeline.cli import cli
from tests.end_to_end.conftest import run_pipeline

pytestmark = pytest.mark.stacks
YEARS = 1e-4


@pytest.fixture(scope="module")
def other() -> pathlib.Path:
    """The folder of the other stack's run."""
    if not os.environ.get("AGE_PIPELINE_OTHER_STACK"):
        pytest.skip("no run of another stack: `make test-current` makes one")
    return pathlib.Path(os.environ["AGE_PIPELINE_OTHER_STACK"])


@pytest.fixture(scope="module")
def facts(other) -> dict:
    return json.loads((other / "facts.json").read_text())


def test_the_other_stack_is_another(facts):
    assert facts["tensorflow"] != tf.__version__


def test_served_model_answers_with_the_same_ages(other, facts):
    predictor = Predictor.load(other / "work" / "serving" / "age")

    ages = {path: answer.age for path, answer in zip(facts["ages"], predictor.predict(facts["ages"]))}

    assert len(ages) == 320
    assert ages == pytest.approx(facts["ages"], abs=YEARS, rel=0)


def test_predict_reads_the_other_workdir(other, facts, capsys):
    images = list(facts["ages"])[:5]

    cli.main(["predict", "--workdir", str(other / "work"), *images], standalone_mode=False)

    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    printed = {row["file_name"]: float(row["age"]) for row in rows}
    assert printed == pytest.approx({path: facts["ages"][path] for path in images}, abs=0.05 + YEARS, rel=0)


def test_model_is_evaluated_and_compared_as_champion(other, facts, tmp_path):
    serving = tmp_path / "serving"
    shutil.copytree(other / "work" / "serving" / "age", serving)

    run = run_pipeline(
        other / "data", tmp_path / "work", f"serving.dir={serving}", "trainer.epochs=1", "evaluator.max_mae=100"
    )

    champion = run.verdict["champion"]
    theirs = facts["verdict"]
    assert str(champion["version"]) == theirs["model_version"]
    assert champion["metrics"]["example_count"] == theirs["metrics"]["example_count"]
    assert champion["metrics"]["mae"] == pytest.approx(theirs["metrics"]["mae"], abs=YEARS)
    assert champion["metrics"]["bias"] == pytest.approx(theirs["metrics"]["bias"], abs=YEARS)
    assert run.verdict["data_fingerprint"] == theirs["data_fingerprint"]
    assert any("years worse" in reason for reason in run.verdict["reasons"])


def test_a_run_in_the_other_workdir_goes_on_from_its_model_and_makes_every_step_anew(other, facts):
    # In place, because the workdir's path is among the parameters of some steps.
    run = run_pipeline(other / "data", other / "work")

    assert run.from_cache() == set(), "what other versions of the libraries made is no answer of these"
    theirs = facts["verdict"]
    assert run.verdict["data_fingerprint"] == theirs["data_fingerprint"]
    assert run.verdict["metrics"]["example_count"] == theirs["metrics"]["example_count"]
    assert str(run.verdict["champion"]["version"]) == theirs["model_version"]

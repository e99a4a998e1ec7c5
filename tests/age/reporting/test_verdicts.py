"""Verdicts as they are put together from what steps leave."""

import csv
import json

import jsonschema
import numpy as np
import pytest

from age.evaluation import evidence, prediction_errors, predictions_file
from age.evaluation.evaluation_result import EvaluationResult
from age.evaluation.settings import EvaluatorSettings
from age.reporting import verdicts
from schemas.run_description import RunDescription
from schemas.verdict import Canary, Difference, Metrics, Slice, Stage, Thresholds, Training, Verdict, json_schema


def run(kind="run"):
    return RunDescription(
        kind=kind,
        thresholds=Thresholds(
            max_mae=8.0,
            max_regression=0.25,
            min_examples=1,
            max_slice_mae=1.5,
            slice_ceilings={"gender=female": 9.0},
            min_coverage=None,
            robustness_ceilings={},
        ),
        data_fingerprint="ab" * 32,
        data_dir="/faces",
        metadata_path=None,
        configuration={"workdir": "/w", "report": {"faces": True}},
    )


@pytest.fixture
def rejects(tmp_path):
    """What FaceExampleGen leaves of a label file with one bad row."""
    folder = tmp_path / "rejects"
    folder.mkdir()
    (folder / "rejects.csv").write_text("line,file_name,real_age,reason,detail\n5,gone.png,30,missing_file,no such file\n")
    counts = {"rows": 5, "used": 4, "rejected": 1, "duplicates": 0, "splits": {"test": 4}, "rejects": {"missing_file": 1}}
    (folder / "counts.json").write_text(json.dumps(counts))
    summary = {
        "ages": {"labels": {"20": 4, "30": 1}, "train": {"20": 2}, "test": {"20": 4}},
        "sizes": [{"width": 64, "height": 64, "count": 3}, {"other": 1}],
        "brightness": {"test": {"edges": [0.0, 0.5, 1.0], "counts": [1, 3], "mean": 0.6}},
        "attributes": {"gender": [{"value": "female", "count": 3}, {"value": "", "count": 1}]},
    }
    (folder / "summary.json").write_text(json.dumps(summary))
    return str(folder)


@pytest.fixture
def of_a_model(tmp_path, rejects):
    """Puts together the verdict of a model that was 2, -4, 3 and -1 years off."""
    evaluation = tmp_path / "evaluation"
    evaluation.mkdir()
    with open(evaluation / "predictions.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "sha256", "real_age", "predicted_age", "gender"))
        writer.writerows((f"{n}.png", str(n), 20, 20 + error, "female" if n else "") for n, error in enumerate([2, -4, 3, -1]))
    training = Training(
        history={"loss": [2.0], "mae": [2.0], "val_loss": [float("nan")], "val_mae": [3.0]}, best_epoch=1, epochs_run=1
    )
    (tmp_path / "history.json").write_text(json.dumps({**Training().model_dump(), **training.model_dump()}))

    def put_together(mae=2.5, **changes):
        measured = {"rmse": 2.7, "bias": 0.0, "within_5_years": 1.0}
        slices = [
            Slice(feature="age_decade", value="20-29", mae=2.5, example_count=4, **measured),
            Slice(feature="gender", value="", mae=2.0, example_count=1, **measured),
            Slice(feature="gender", value="female", mae=8 / 3, example_count=3, **measured),
        ]
        errors = prediction_errors.SliceErrors(predictions_file.read(str(evaluation / "predictions.csv"), ["gender"]))
        result = EvaluationResult(
            metrics=Metrics(mae=mae, example_count=4, **measured),
            champion_metrics=Metrics(mae=3.0, example_count=4, **measured),
            difference=Difference(mean=-0.5, low=-1.0, high=0.25, confidence=0.95, example_count=4, detectable=1.5),
            slices=evidence.judged(slices, errors, EvaluatorSettings(min_slice_examples=2)),
            validation_ok=True,
            reasons=[],
        )
        arguments = {
            "rejects": rejects,
            "examples": "/examples",
            "attributes": ["gender"],
            "evaluation": str(evaluation),
            "history": str(tmp_path / "history.json"),
            "report": "/w/reports/1/report.html",
            "stages": [Stage(name="FaceExampleGen", seconds=1.5, cached=False)],
            "canary": Canary(passed=True, reasons=[], photographs=4, latency_seconds=0.03),
            "champion_version": 7,
        }
        return verdicts.of_model(run(), "1", result, **{**arguments, **changes})

    return put_together


def as_consumers_read_it(verdict: Verdict):
    content = json.loads(verdict.to_json())
    jsonschema.validate(content, json.loads(json_schema()))
    return content


def test_verdict_of_a_model_has_what_was_measured_compared_and_pushed(of_a_model):
    content = as_consumers_read_it(verdicts.pushed(of_a_model(), version="8", model="/w/serving/age/8"))

    assert (content["schema_version"], content["blessed"], content["kind"], content["stopped_by"]) == (2, True, "run", None)
    interval = content["metrics"].pop("mae_interval")
    assert content["metrics"] == {"mae": 2.5, "rmse": 2.7, "bias": 0.0, "within_5_years": 1.0, "example_count": 4}
    assert interval["low"] < np.mean([2, 4, 3, 1]) < interval["high"]
    assert content["champion"]["version"] == 7 and "mae_interval" not in content["champion"]["metrics"]
    assert (content["champion"]["difference"]["mean"], content["champion"]["difference"]["high"]) == (-0.5, 0.25)
    assert [(entry["value"], entry["small"], "mae_interval" in entry) for entry in content["slices"]] == [
        ("20-29", False, True),
        ("", True, False),
        ("female", False, True),
    ]
    assert [
        (group["attribute"], group["lowest_age"], group["highest_age"], group["evidence"]) for group in content["groups"]
    ] == [
        (None, 0, 19, "not_enough"),
        (None, 20, 29, "adequate"),
        (None, 30, None, "not_enough"),
        ("gender", None, None, "adequate"),
    ]
    assert content["constant_baseline"] == {"answer": "median", "age": 20.0, "mae": 0.0}, "all are of that age"
    assert content["model_version"] == "8" and content["paths"]["model"] == "/w/serving/age/8"
    assert content["push"] == "pushed"
    assert content["paths"]["metadata"] is None and content["training"]["history"]["val_loss"] == [None]
    assert content["data"]["sizes"] == [{"width": 64, "height": 64, "count": 3}, {"other": 1}]


def test_without_a_champion_and_a_push_they_are_null(of_a_model):
    content = as_consumers_read_it(of_a_model(champion_version=0))

    assert content["champion"] is content["model_version"] is content["paths"]["model"] is None


def test_a_blessed_model_is_about_to_be_pushed_until_somebody_says_what_became_of_it(of_a_model):
    assert as_consumers_read_it(of_a_model())["push"] == "pending"


def test_a_model_that_may_not_serve_for_another_reason_is_not_blessed(of_a_model):
    content = as_consumers_read_it(verdicts.refused(of_a_model(), "It was withdrawn."))

    assert (content["blessed"], content["push"], content["reasons"]) == (False, None, ["It was withdrawn."])


def test_what_the_canary_found_is_there_and_a_refusal_of_its_is_a_reason(of_a_model):
    passed = as_consumers_read_it(of_a_model())
    refused = as_consumers_read_it(of_a_model(canary=Canary(passed=False, reasons=["It can't be loaded."], photographs=4)))
    unasked = as_consumers_read_it(of_a_model(canary=None))

    assert passed["canary"] == {"passed": True, "reasons": [], "photographs": 4, "latency_seconds": 0.03}
    assert (refused["blessed"], refused["reasons"]) == (False, ["It can't be loaded."])
    assert unasked["canary"] is None


def test_a_model_that_did_not_answer_has_null_for_its_error(of_a_model):
    content = as_consumers_read_it(of_a_model(mae=float("nan")))

    assert content["metrics"]["mae"] is None and content["weakest_slices"] == []


@pytest.mark.parametrize(
    "kind, stopped_by, blessed", [("run", "DataGate", False), ("explore", None, None), ("explore", "DataGate", None)]
)
def test_verdict_of_data_alone_has_every_key_and_no_model(rejects, kind, stopped_by, blessed):
    reasons = ["gender: not allowed."] if stopped_by else []

    content = as_consumers_read_it(
        verdicts.of_data(
            run(kind),
            "1",
            rejects,
            "/examples",
            "/w/report.html",
            [],
            stopped_by=stopped_by,
            reasons=reasons,
            anomalies=reasons,
        )
    )

    assert (content["kind"], content["blessed"], content["stopped_by"]) == (kind, blessed, stopped_by)
    assert content["reasons"] == content["data"]["anomalies"] == reasons
    assert content["metrics"] is content["training"] is content["champion"] is None
    assert content["data"]["reject_examples"][0]["file_name"] == "gone.png"
    assert set(content["paths"]) == {"metadata", "rejects", "examples", "report"}

"""Runs the compiled containers' own commands, one after the other, and compares the end with that of a local run."""

import csv
import json
import pathlib
import shutil

import numpy as np
import pytest

from tests.end_to_end.conftest import run_pipeline, write_shades
from tests.kubeflow.conftest import small_specification
from tests.kubeflow.launcher import Cluster

# Forty processes that load TensorFlow: with the rest of the tests it would pass a quarter of an hour.
pytestmark = pytest.mark.containers

ALWAYS_RUN = {"RunStart", "DataGate", "BlessingReport", "BlessingGate"}


@pytest.fixture(scope="module")
def volume(tmp_path_factory) -> pathlib.Path:
    """What a persistent volume holds: data, and what the runs leave."""
    volume = tmp_path_factory.mktemp("volume")
    write_shades(volume / "data")
    return volume


@pytest.fixture(scope="module")
def cluster(volume, tmp_path_factory, container_environment) -> Cluster:
    text = small_specification(volume / "runs", volume / "data", "trainer.epochs=2")
    return Cluster(text, tmp_path_factory.mktemp("cluster"), container_environment)


@pytest.fixture(scope="module")
def first(cluster):
    """A first run, with nothing served yet; the epochs are a parameter of the run."""
    tasks = cluster.run("11111111-1111-4111-8111-111111111111", epochs=10)
    for name, task in tasks.items():
        assert task.status == 0, f"{name}:\n{task.log[-6000:]}"
    return tasks


def _verdict(volume, run_id):
    return json.loads((volume / "runs" / "reports" / run_id / "blessing.json").read_text())


def test_the_first_run_ends_as_a_local_run_does(first, cluster, volume, tmp_path_factory):
    assert set(first) == set(cluster.specification.root.dag.tasks)
    verdict = _verdict(volume, "11111111-1111-4111-8111-111111111111")
    assert verdict["blessed"] and verdict["champion"] is None

    local = run_pipeline(volume / "data", tmp_path_factory.mktemp("local")).verdict
    for key in ("blessed", "reasons", "metrics", "slices", "thresholds", "data_fingerprint"):
        assert verdict[key] == local[key], key
    assert verdict["training"]["history"] == local["training"]["history"]
    ours = json.loads(next((volume / "runs" / "serving" / "age").glob("*/assets.extra/provenance.json")).read_text())
    theirs = json.loads((pathlib.Path(local["paths"]["model"]) / "assets.extra" / "provenance.json").read_text())
    assert ours["recipe"] == theirs["recipe"] and ours["trainer"]["epochs"] == 10


def test_the_pushed_models_answer_alike(first, volume, tmp_path):
    import tensorflow as tf

    (pushed,) = (volume / "runs" / "serving" / "age").iterdir()
    artifact = first["Pusher"].artifacts["pushed_model"]
    assert artifact["metadata"]["pushed_version"] == pushed.name
    image = next((volume / "data" / "images").iterdir()).read_bytes()
    served = tf.saved_model.load(str(pushed)).signatures["serving_default"](image_bytes=tf.constant([image]))
    assert np.isfinite(served["age"].numpy()).all()


def test_metrics_and_report_are_where_the_run_page_shows_them(first, cluster, volume):
    metrics = first["AgeEvaluator"].artifacts["metrics"]
    assert metrics["type"] == {"schemaTitle": "system.Metrics"}
    verdict = _verdict(volume, "11111111-1111-4111-8111-111111111111")
    for name in ("mae", "bias", "within_5_years"):
        assert metrics["metadata"][name] == pytest.approx(verdict["metrics"][name])
    assert {"mae gender=female", "bias gender=male", "within_5_years age_decade=20-29"} <= set(metrics["metadata"])

    page = first["BlessingReport"].artifacts["page"]
    assert page["type"] == {"schemaTitle": "system.HTML"}
    assert page["uri"].startswith("minio://") and page["uri"].endswith("/page.html")
    report = volume / "runs" / "reports" / "11111111-1111-4111-8111-111111111111" / "report.html"
    assert cluster.stored(page["uri"]).read_text() == report.read_text()
    assert "/mounts/minio/" not in json.dumps(verdict)


def test_every_artifact_keeps_its_uri(first):
    for name, task in first.items():
        for _key, artifact in task.artifacts.items():
            assert artifact["uri"].startswith(
                f"minio://mlpipeline/v2/artifacts/age/11111111-1111-4111-8111-111111111111/{name}/"
            )


def test_a_rerun_comes_from_the_cache(first, cluster, volume):
    """The same data and settings: the model that is served was made from the same recipe, and is no champion."""
    second = cluster.run("22222222-2222-4222-8222-222222222222", epochs=10)
    assert {name for name, task in second.items() if not task.cached} == ALWAYS_RUN
    assert all(task.status == 0 for task in second.values())
    assert _verdict(volume, "22222222-2222-4222-8222-222222222222")["blessed"]


def test_another_model_is_compared_with_the_one_that_is_served(first, cluster, volume):
    """One epoch learns nothing: the candidate loses against the champion, and the run ends as failed at its last step."""
    tasks = cluster.run("33333333-3333-4333-8333-333333333333", epochs=1, max_mae=80.0)
    assert {"FaceExampleGen", "StatisticsGen", "ExampleValidator"} <= {name for name, task in tasks.items() if task.cached}
    verdict = _verdict(volume, "33333333-3333-4333-8333-333333333333")
    (served,) = (volume / "runs" / "serving" / "age").iterdir()
    assert verdict["champion"]["version"] == int(served.name)
    assert (
        not verdict["blessed"]
        and verdict["thresholds"]["max_mae"] == 80
        and verdict["configuration"]["trainer"]["epochs"] == 1
    )
    assert [name for name, task in tasks.items() if task.status] == ["BlessingGate"]
    assert tasks["BlessingGate"].status == 2
    assert "NOT BLESSED" in tasks["BlessingGate"].log and "Traceback" not in tasks["BlessingGate"].log
    assert tasks["BlessingReport"].artifacts["page"]["uri"]


def test_the_data_gate_stops_a_run_whose_report_can_be_read(first, cluster, volume):
    spoilt = volume / "spoilt"
    shutil.copytree(volume / "data", spoilt)
    with (spoilt / "labels.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    with (spoilt / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [rows[0]] + [[row[0], "old", row[2]] if i % 4 == 0 else row for i, row in enumerate(rows[1:])]
        )
    run_id = "44444444-4444-4444-8444-444444444444"
    tasks = cluster.run(run_id, data_dir=str(spoilt))
    assert tasks["DataGate"].status == 2 and "Trainer" not in tasks
    assert (
        "The data gate stopped the run" in tasks["DataGate"].log
        and "Traceback" not in tasks["DataGate"].log.split("Error:")[1]
    )
    verdict = _verdict(volume, run_id)
    assert verdict["stopped_by"] == "DataGate" and verdict["data"]["directory"] == str(spoilt)
    assert verdict["paths"]["rejects"].startswith("minio://")
    assert (volume / "runs" / "reports" / run_id / "report.html").is_file()


@pytest.mark.parametrize(
    "parameters, said",
    [
        ({"epochs": 0}, "The pipeline parameter epochs is 0"),
        ({"learning_rate": 2.0, "max_mae": 8.0}, "The pipeline parameter learning_rate is 2.0"),
        ({"data_dir": "/nowhere"}, "The pipeline parameter data_dir is /nowhere"),
    ],
)
def test_a_parameter_out_of_range_is_refused_in_a_sentence(cluster, parameters, said):
    tasks = cluster.run("55555555-5555-4555-8555-555555555555", **parameters)
    assert set(tasks) == {"RunStart"} and tasks["RunStart"].status == 2
    ending = tasks["RunStart"].log.split("Error: ")[-1]
    assert ending.startswith(said) and "Traceback" not in tasks["RunStart"].log

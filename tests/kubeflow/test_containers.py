"""Runs the compiled containers' own commands, one after the other, and compares the end with that of a local run.

Each release of Kubeflow Pipelines is imitated in turn; `test_captures.py` holds the imitation against the real one.
"""

import csv
import dataclasses
import json
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest

from tests.end_to_end.conftest import run_pipeline, write_shades
from tests.kubeflow.conftest import small_specification
from tests.kubeflow.imitation import driver
from tests.kubeflow.imitation.cluster import PIPELINE_ROOT, Cluster, Task
from tests.kubeflow.imitation.releases import RELEASES

# Minutes of ingestion and training for each release: with the rest of the tests it would pass a quarter of an hour.
pytestmark = pytest.mark.containers

ALWAYS_RUN = {"RunStart", "DataGate", "Champion", "VerdictWriter", "Pusher", "BlessingReport", "BlessingGate"}
FIRST, SECOND, OTHER = (f"{number}{'1' * 7}-1111-4111-8111-111111111111" for number in "123")
STOPPED, REFUSED, RETRIED, WITHOUT_LOGS, NO_GPU = (f"{number}{'1' * 7}-1111-4111-8111-111111111111" for number in "45678")
SECRET = "very-secret"


@dataclasses.dataclass
class Installation:
    """A cluster, its volume, and the volume's path in containers."""

    cluster: Cluster
    volume: pathlib.Path
    mounted: pathlib.Path

    def verdict(self, run_id: str) -> dict[str, Any]:
        return json.loads((self.volume / "runs" / "reports" / run_id / "blessing.json").read_text())


def _installation(tmp_path_factory, containers, release, publish_logs) -> Installation:
    volume, mounted = tmp_path_factory.mktemp("volume"), tmp_path_factory.mktemp("mnt") / "age"
    write_shades(volume / "data")
    text = small_specification(
        mounted / "runs",
        mounted / "data",
        "trainer.epochs=2",
        f"kubeflow.volumes=[{{claim: age, path: {mounted}}}]",
        "kubeflow.secrets=[{name: store, env: {STORE_KEY: key}}]",
        "kubeflow.steps={BlessingReport: {retries: 1}, RunStart: {retries: 2}, BlessingGate: {retries: 1}}",
    )
    cluster = Cluster(
        text,
        tmp_path_factory.mktemp("cluster"),
        containers,
        RELEASES[release],
        claims={"age": volume},
        secrets={"store": {"key": SECRET}},
        publish_logs=publish_logs,
    )
    return Installation(cluster, volume, mounted)


@pytest.fixture(scope="module", params=RELEASES)
def installation(request, tmp_path_factory, containers) -> Installation:
    return _installation(tmp_path_factory, containers, request.param, publish_logs=True)


@pytest.fixture(scope="module")
def first(installation) -> dict[str, Task]:
    """A first run, with nothing served yet; the epochs are a parameter of the run."""
    return _succeeded(installation.cluster.run(FIRST, epochs=10))


def _succeeded(tasks: dict[str, Task]) -> dict[str, Task]:
    for name, task in tasks.items():
        assert task.status == 0, f"{name}:\n{task.log[-6000:]}"
    return tasks


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> dict[str, Any]:
    """The verdict of a run on the same data on this machine."""
    directory = tmp_path_factory.mktemp("local")
    return run_pipeline(write_shades(directory / "data"), directory / "runs").verdict


def _same(ours: Any, theirs: Any) -> bool:
    """Whether two verdicts say the same: Beam sizes the batches of the evaluation by the time that they take, and a forward
    pass differs in the seventh digit with the size of its batch."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_same, ours, theirs))
    return ours == (pytest.approx(theirs, rel=1e-5, abs=1e-6) if isinstance(theirs, float) else theirs)


def test_the_first_run_ends_as_a_local_run_does(first, installation, local):
    assert set(first) == set(installation.cluster.tasks)
    verdict = installation.verdict(FIRST)
    assert verdict["blessed"] and verdict["champion"] is None

    for key in ("blessed", "reasons", "metrics", "slices", "thresholds", "data_fingerprint"):
        assert _same(verdict[key], local[key]), (key, verdict[key], local[key])
    assert verdict["training"]["history"] == local["training"]["history"]
    served = installation.volume / "runs" / "serving" / "age"
    ours = json.loads(next(served.glob("*/assets.extra/provenance.json")).read_text())
    theirs = json.loads((pathlib.Path(local["paths"]["model"]) / "assets.extra" / "provenance.json").read_text())
    assert ours["recipe"] == theirs["recipe"] and ours["trainer"]["epochs"] == 10


def test_the_pushed_models_answer_alike(first, installation):
    import tensorflow as tf

    (pushed,) = (installation.volume / "runs" / "serving" / "age").glob("[0-9]*")
    assert first["Pusher"].artifacts["pushed_model"].properties["pushed_version"] == pushed.name
    image = next((installation.volume / "data" / "images").iterdir()).read_bytes()
    served = tf.saved_model.load(str(pushed)).signatures["serving_default"](image_bytes=tf.constant([image]))
    assert np.isfinite(served["age"].numpy()).all()


def test_a_process_without_this_project_tried_the_model_in_a_container_of_its_own(first, installation):
    canary = installation.verdict(FIRST)["canary"]
    assert canary["passed"] and canary["photographs"] == 36 and canary["largest_difference"] < 0.01
    assert first["Canary"].artifacts["infra_blessing"].properties["blessed"] == 1


def test_metrics_and_report_are_where_the_run_page_shows_them(first, installation):
    metrics = first["AgeEvaluator"].artifacts["metrics"]
    assert metrics.kind == "system.Metrics"
    verdict = installation.verdict(FIRST)
    for name in ("mae", "bias", "within_5_years"):
        assert metrics.properties[name] == pytest.approx(verdict["metrics"][name])
    assert {"mae gender=female", "bias gender=male", "within_5_years age_decade=20-29"} <= set(metrics.properties)

    page = first["BlessingReport"].artifacts["page"]
    assert page.kind == "system.HTML"
    assert page.uri.startswith("minio://") and page.uri.endswith("/page.html")
    report = installation.volume / "runs" / "reports" / FIRST / "report.html"
    assert installation.cluster.store.path(page.uri).read_text() == report.read_text()
    assert "/mounts/minio/" not in json.dumps(verdict)


def test_every_artifact_keeps_its_uri(first):
    for name, task in first.items():
        (attempt,) = task.attempts
        for key, listed in attempt.executor_input["outputs"]["artifacts"].items():
            given, recorded = driver.only_artifact(listed)["uri"], task.artifacts[key].uri
            assert recorded == given or recorded == f"{given}/page.html"
            assert f"{PIPELINE_ROOT}/age/{FIRST}/{name}/" in recorded


def test_metadata_hold_no_path_of_a_container(first):
    """A blessing says which model it is about, to people and steps that never see the container."""
    for task in first.values():
        for artifact in task.artifacts.values():
            assert "/mounts/" not in json.dumps(artifact.properties)
    model = first["Trainer"].artifacts["model"].uri
    assert first["AgeEvaluator"].artifacts["blessing"].properties["current_model"] == model


def test_photographs_are_copied_to_the_steps_that_read_them(first):
    """Ingestion writes them once; each of these copies is downloaded whole."""
    copied = {name for name, task in first.items() for attempt in task.attempts if "examples" in attempt.downloaded}
    assert copied == {"StatisticsGen", "Trainer", "AgeEvaluator", "BlessingReport"}


def test_each_steps_log_is_published(first, installation):
    for name, task in first.items():
        assert installation.cluster.store.path(task.artifacts[driver.LOGS].uri).read_text() == task.log, name


def test_secrets_are_in_the_environment_and_in_no_log(first):
    for task in first.values():
        (attempt,) = task.attempts
        variables = attempt.pod["containers"][0]["env"]
        assert {"name": "STORE_KEY", "valueFrom": {"secretKeyRef": {"name": "store", "key": "key"}}} in variables
        assert SECRET not in attempt.log


def test_a_rerun_comes_from_the_cache(first, installation):
    """The same data and settings: the model that is served is this very model, and no champion."""
    second = _succeeded(installation.cluster.run(SECOND, epochs=10))
    assert {name for name, task in second.items() if not task.cached} == ALWAYS_RUN
    assert installation.verdict(SECOND)["blessed"]


def test_a_step_whose_node_goes_away_is_tried_again(first, installation):
    installation.cluster.nodes_that_go_away = {("BlessingReport", 0): 0.2}
    tasks = _succeeded(installation.cluster.run(RETRIED, epochs=10))
    lost, again = tasks["BlessingReport"].attempts
    assert (lost.status, again.status) == (-9, 0)
    outputs = [attempt.executor_input["outputs"]["artifacts"]["report"] for attempt in (lost, again)]
    assert outputs[0] == outputs[1]
    assert installation.verdict(RETRIED)["blessed"]


def test_another_model_is_compared_with_the_one_that_is_served(first, installation):
    """One epoch learns nothing: the candidate loses against the champion, and the run ends as failed at its last step."""
    tasks = installation.cluster.run(OTHER, epochs=1, max_mae=80.0)
    assert {"FaceExampleGen", "StatisticsGen", "ExampleValidator"} <= {name for name, task in tasks.items() if task.cached}
    verdict = installation.verdict(OTHER)
    (served,) = (installation.volume / "runs" / "serving" / "age").glob("[0-9]*")
    assert verdict["champion"]["version"] == int(served.name)
    assert (
        not verdict["blessed"]
        and verdict["thresholds"]["max_mae"] == 80
        and verdict["configuration"]["trainer"]["epochs"] == 1
    )
    assert [name for name, task in tasks.items() if task.status] == ["BlessingGate"]
    # The launcher ends with 1 whatever the step ended with, so Kubeflow tries again; the verdict is not looked for again.
    assert tasks["BlessingGate"].status == 1
    first_try, second_try = tasks["BlessingGate"].attempts
    assert (first_try.status, second_try.status) == (3, 3)
    assert first_try.message.startswith("Refused: NOT BLESSED") and second_try.message.startswith("Refused: NOT BLESSED")
    assert "An earlier attempt of this step said so" in second_try.message
    assert "NOT BLESSED" in tasks["BlessingGate"].log and "Traceback" not in tasks["BlessingGate"].log
    assert tasks["BlessingReport"].artifacts["page"].uri


def test_the_data_gate_stops_a_run_whose_report_can_be_read(first, installation):
    spoilt = installation.volume / "spoilt"
    shutil.copytree(installation.volume / "data", spoilt)
    with (spoilt / "labels.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    with (spoilt / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [rows[0]] + [[row[0], "old", row[2]] if i % 4 == 0 else row for i, row in enumerate(rows[1:])]
        )
    tasks = installation.cluster.run(STOPPED, data_dir=str(installation.mounted / "spoilt"))
    assert tasks["DataGate"].container_status == 2 and "Trainer" not in tasks
    assert (
        "The data gate stopped the run" in tasks["DataGate"].log
        and "Traceback" not in tasks["DataGate"].log.split("Error:")[1]
    )
    verdict = installation.verdict(STOPPED)
    assert verdict["stopped_by"] == "DataGate" and verdict["data"]["directory"] == str(installation.mounted / "spoilt")
    assert verdict["paths"]["rejects"].startswith("minio://")
    # The gate has no copy of the photographs; the report says so instead of showing some.
    assert verdict["paths"]["examples"] == tasks["FaceExampleGen"].artifacts["examples"].uri
    report = (installation.volume / "runs" / "reports" / STOPPED / "report.html").read_text()
    assert "The photographs can&#39;t be shown" in report and "steps that do not need them get no copy" in report


@pytest.mark.parametrize(
    "parameters, said",
    [
        ({"epochs": 0}, "The pipeline parameter epochs is 0"),
        ({"learning_rate": 2.0, "max_mae": 8.0}, "The pipeline parameter learning_rate is 2.0"),
        ({"data_dir": "/nowhere"}, "The pipeline parameter data_dir is /nowhere"),
    ],
)
def test_a_parameter_out_of_range_is_refused_in_a_sentence(installation, parameters, said):
    tasks = installation.cluster.run(REFUSED, **parameters)
    assert set(tasks) == {"RunStart"} and tasks["RunStart"].container_status == 2
    ending = tasks["RunStart"].log.split("Error: ")[-1]
    assert ending.startswith(said) and "Traceback" not in tasks["RunStart"].log
    assert [attempt.status for attempt in tasks["RunStart"].attempts] == [2, 2, 2]
    assert all(attempt.message.startswith(f"Refused: {said}") for attempt in tasks["RunStart"].attempts)


def test_two_runs_do_not_share_a_working_directory(first, installation):
    lease = installation.volume / "runs" / "kubeflow" / "lease.json"
    assert not lease.exists()
    lease.write_text(json.dumps({"run_id": OTHER}))
    tasks = installation.cluster.run(REFUSED, epochs=3)
    assert set(tasks) == {"RunStart"} and f"the run {OTHER} is using it" in tasks["RunStart"].attempts[0].message
    lease.unlink()


def test_a_trainer_without_its_gpu_fails_at_once(first, installation, monkeypatch):
    container = installation.cluster.specification["deploymentSpec"]["executors"]["Trainer_executor"]["container"]
    monkeypatch.setitem(container, "env", [*container["env"], {"name": "AGE_PIPELINE_GPUS", "value": "1"}])
    tasks = installation.cluster.run(NO_GPU, epochs=4)
    assert tasks["Trainer"].container_status == 2
    assert "gpu_count of this step (kubeflow.steps) is 1, and TensorFlow sees 0" in tasks["Trainer"].attempts[0].message


def test_a_run_where_logs_are_not_published(tmp_path_factory, containers):
    """BlessingGate has then no outputs at all."""
    installation = _installation(tmp_path_factory, containers, "2.17.0", publish_logs=False)
    tasks = _succeeded(installation.cluster.run(WITHOUT_LOGS, epochs=10))
    assert set(tasks) == set(installation.cluster.tasks)
    assert not any(driver.LOGS in task.artifacts for task in tasks.values())
    assert installation.verdict(WITHOUT_LOGS)["blessed"]

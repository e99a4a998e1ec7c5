"""The imitation of Kubeflow's backend gives each container what the real driver gave it, field by field.

`captures/` has what the real driver and launcher of two releases gave the steps of one specification, which is beside them.
"""

import json
import pathlib

import pytest
import yaml

from pipeline.kubeflow import entrypoint
from tests.kubeflow.imitation import driver
from tests.kubeflow.imitation.metadata import MetadataStore, Recorded
from tests.kubeflow.imitation.releases import RELEASES

CAPTURES = pathlib.Path(__file__).parent / "captures"
ROOT = "minio://mlpipeline/v2/artifacts"
RUNS = {
    "2.5.0": ("2.5.0", "f5111111-1111-4111-8111-111111111111", {}),
    "2.17.0": ("2.17.0", "c1111111-1111-4111-8111-111111111111", {}),
    "2.17.0-not-blessed": ("2.17.0", "01111111-1111-4111-8111-111111111111", {"max_mae": 1}),
}
"""Capture -> release, run, and what the run was started with."""


def _capture(name):
    return json.loads((CAPTURES / f"{name}.json").read_text(encoding="utf-8"))


CAPTURED = [(run, step) for run in RUNS for step in _capture(run)["steps"]]


@pytest.fixture(scope="module")
def documents():
    return list(yaml.safe_load_all((CAPTURES / "specification.yaml").read_text(encoding="utf-8")))


def _parts(documents, step):
    specification, platform = documents
    task = specification["root"]["dag"]["tasks"][step]
    component = specification["components"][task["componentRef"]["name"]]
    label = component["executorLabel"]
    container = specification["deploymentSpec"]["executors"][label]["container"]
    return task, component, container, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][label]


def _published(run):
    """What the steps published, as the imitation records what they wrote; numbers are the real store's."""
    store = MetadataStore(RELEASES[RUNS[run][0]])
    published = {}
    for step, outputs in _capture(run)["written"].items():
        for output, written in outputs.items():
            artifact = {"uri": written["uri"], "type": {"schemaTitle": "tfx.Any"}, "metadata": written["metadata"]}
            recorded = store.record(output, artifact)
            published[step, output] = Recorded(written["id"], recorded.uri, recorded.kind, recorded.properties)
    return published


@pytest.mark.parametrize("run, step", CAPTURED)
def test_input_artifacts(documents, run, step):
    task, *_ = _parts(documents, step)
    published = _published(run)
    ours = {}
    for name, source in task.get("inputs", {}).get("artifacts", {}).items():
        output = source["taskOutputArtifact"]
        ours[name] = {"artifacts": [published[output["producerTask"], output["outputArtifactKey"]].as_input()]}
    assert ours == _capture(run)["steps"][step]["executor_input"]["inputs"].get("artifacts", {})


@pytest.mark.parametrize("run, step", CAPTURED)
def test_input_parameters(documents, run, step):
    _, run_id, given = RUNS[run]
    task, component, *_ = _parts(documents, step)
    theirs = _capture(run)["steps"][step]["executor_input"]["inputs"].get("parameterValues", {})
    # What RunStart found out is in no specification: it is taken from the step that was told.
    found = {
        source["taskOutputParameter"]["outputParameterKey"]: theirs[name]
        for name, source in task.get("inputs", {}).get("parameters", {}).items()
        if "taskOutputParameter" in source
    }
    declared = documents[0]["root"]["inputDefinitions"]["parameters"]
    ours = driver.input_parameters(task, component, driver.root_parameters(declared, given), {"RunStart": found}, run_id)
    assert ours == theirs
    assert [type(ours[name]) for name in theirs] == [type(value) for value in theirs.values()]


@pytest.mark.parametrize("run, step", CAPTURED)
def test_outputs(documents, run, step):
    release, run_id, _ = RUNS[run]
    _, component, *_ = _parts(documents, step)
    theirs = _capture(run)["steps"][step]["executor_input"]["outputs"]
    salt = driver.only_artifact(theirs["artifacts"][driver.LOGS])["uri"].split("/")[-2]
    assert driver.outputs(RELEASES[release], f"{ROOT}/age/{run_id}/{step}", component, salt, publish_logs=True) == theirs


@pytest.mark.parametrize("run, step", CAPTURED)
def test_what_is_asked_of_kubernetes(documents, run, step):
    *_, container, platform = _parts(documents, step)
    assert driver.pod(container, platform) == _capture(run)["steps"][step]["pod_spec_patch"]


@pytest.mark.parametrize("run", RUNS)
def test_the_launchers_flags(run):
    assert driver.launcher_flags(RELEASES[RUNS[run][0]], publish_logs=True) == _capture(run)["launcher_flags"]


def test_every_step_was_captured(documents):
    steps = set(documents[0]["root"]["dag"]["tasks"])
    assert {step for run, step in CAPTURED if run == "2.17.0"} == {step for run, step in CAPTURED if run == "2.5.0"} == steps


@pytest.mark.parametrize("run, step", CAPTURED)
def test_tfx_takes_what_the_entrypoint_makes_of_it(documents, run, step, tmp_path):
    """Types for the inputs, the component's own outputs alone, and a path for each artifact."""
    from google.protobuf import json_format
    from kfp.pipeline_spec import pipeline_spec_pb2
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils

    _, component, *_ = _parts(documents, step)
    given = _capture(run)["steps"][step]["executor_input"]
    for listed in given["inputs"].get("artifacts", {}).values():
        (tmp_path / driver.only_artifact(listed)["uri"].replace("://", "/")).mkdir(parents=True, exist_ok=True)
    uris = entrypoint.with_local_paths(given, str(tmp_path))
    entrypoint.with_input_types(given, component.get("inputDefinitions", {}))
    entrypoint.without_outputs_of_kubeflow(given, entrypoint.known_types())

    parsed = json_format.ParseDict(given, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True)
    for side, definitions in ((parsed.inputs, "inputDefinitions"), (parsed.outputs, "outputDefinitions")):
        artifacts = kubeflow_v2_entrypoint_utils.parse_raw_artifact_dict(side.artifacts)
        declared = component.get(definitions, {}).get("artifacts", {})
        assert set(artifacts) == set(declared)
        for name, (artifact,) in artifacts.items():
            title = yaml.safe_load(declared[name]["artifactType"]["instanceSchema"])["title"]
            assert artifact.type_name == title.removeprefix("tfx.")
            assert uris[artifact.uri].startswith(f"{ROOT}/age/")

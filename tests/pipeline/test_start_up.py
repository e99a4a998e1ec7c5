"""What the programs load before they work: start-up is most of a small run, and of many a container's life."""

import json
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]

NOBODY_NEEDS = {
    "google.cloud.aiplatform",
    "keras_tuner",
    "kubernetes",
    "tensorflow_serving",
    "tensorflow_transform",
}
"""Clients and libraries of components that are not in the graph."""

PROGRAM = """
import json, pathlib, runpy, sys

from pipeline import graph
from pipeline.local import step_launcher
from age.model import training
local_run = list(sys.modules)

directory = pathlib.Path(sys.argv[1])
(directory / "blessing").mkdir()
blessing = {"instanceSchema": "title: tfx.ModelBlessing\\ntype: object\\n"}
pushed = {"instanceSchema": "title: tfx.PushedModel\\ntype: object\\n"}
invocation = {
    "inputs": {
        "artifacts": {"model_blessing": {"artifacts": [{"uri": str(directory / "blessing"), "type": blessing}]}},
        "parameterValues": {"serving_dir": str(directory / "serving")},
    },
    "outputs": {
        "artifacts": {"pushed_model": {"artifacts": [{"uri": str(directory / "pushed"), "type": pushed}]}},
        "outputFile": str(directory / "executor_output.json"),
    },
}
inputs = {"artifacts": {"model_blessing": {"artifactType": blessing}}, "parameters": {"serving_dir": {"parameterType": "STRING"}}}
sys.argv[1:] = [
    "--executor_class_path", "components.age_pusher.executor.Executor",
    "--json_serialized_invocation_args", json.dumps(invocation),
    "--json_serialized_inputs_spec_args", json.dumps(inputs),
]
try:
    runpy.run_module("pipeline.kubeflow.entrypoint", run_name="__main__", alter_sys=True)
except SystemExit as end:
    status = end.code
container = list(sys.modules)

from tfx.components import Tuner
loaded = {"local run": local_run, "container": container, "asked for a tuner": list(sys.modules)}
(directory / "loaded.json").write_text(json.dumps(loaded))
sys.exit(status)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> dict[str, set[str]]:
    """The modules that one process has after each of the programs, each of which needs those before it or less."""
    directory = tmp_path_factory.mktemp("start_up")
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(directory)], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert (directory / "executor_output.json").exists()
    return {program: set(modules) for program, modules in json.loads((directory / "loaded.json").read_text()).items()}


@pytest.mark.parametrize("program", ["local run", "container"])
def test_what_no_step_needs_is_not_loaded(loaded, program):
    assert not NOBODY_NEEDS & loaded[program]


def test_a_local_run_does_without_kubeflow(loaded):
    assert "kfp" not in loaded["local run"]


def test_what_was_left_out_comes_when_somebody_asks_for_it(loaded):
    assert "keras_tuner" in loaded["asked for a tuner"]

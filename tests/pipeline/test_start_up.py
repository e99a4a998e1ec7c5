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

NO_STEP_NEEDS = NOBODY_NEEDS | {"google.cloud.bigquery", "nltk", "pymongo", "redis", "sacrebleu", "sklearn"}
"""And clients of databases, metrics of texts, and Keras' way to other people's estimators."""

# TFDV and TFMA are packages of light modules below an `__init__` that brings everything.
TENSORFLOW, KERAS, BEAM, TFDV, TFMA, CHARTS, NOTEBOOK = (
    "tensorflow",
    "keras",
    "apache_beam",
    "tensorflow_data_validation.api",
    "tensorflow_model_analysis.api",
    "matplotlib",
    "IPython.core.interactiveshell",
)

LOCAL_RUN = """
import json, pathlib, sys

from pipeline import graph
from pipeline.local import step_launcher
from age.model import training
loaded = {"local run": list(sys.modules)}

from tfx.components import Tuner
loaded["asked for a tuner"] = list(sys.modules)
pathlib.Path(sys.argv[1]).write_text(json.dumps(loaded))
"""

PUSHER = """
import json, pathlib, runpy, sys

result = pathlib.Path(sys.argv[1])
directory = result.parent
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
assert status == 0 and (directory / "executor_output.json").exists()
loaded = {"Pusher": list(sys.modules)}
"""
"""A container from its first line to its last."""

STEPS = """
import importlib, json, pathlib, sys

from pipeline.kubeflow import lean_imports
lean_imports.install()
loaded = {}
"""

NEXT_STEPS = """
for step, modules in STEPS:
    for module in modules:
        importlib.import_module(module)
    loaded[step] = list(sys.modules)
"""

DATA_STEPS = [
    ("Champion", ["components.champion.executor"]),
    ("AgeSchemaGen", ["components.age_schema_gen.component"]),
    ("BlessingGate", ["components.blessing_gate.component"]),
    ("VerdictWriter", ["components.verdict_writer.component"]),
    ("FaceExampleGen", ["components.face_example_gen.executor"]),
    ("StatisticsGen", ["tfx.components.statistics_gen.executor"]),
    ("ExampleValidator", ["tfx.components.example_validator.executor"]),
    ("DataGate", ["components.data_gate.executor"]),
]
"""Steps, and what each imports: none needs less than the one before."""

MODEL_STEPS = [
    ("BlessingReport", ["components.blessing_report.executor", "age.image_decoding"]),
    ("RunStart", ["components.run_start.executor", "age.model.backbone"]),
    ("Trainer", ["components.trainer.executor", "age.model.training"]),
    ("AgeEvaluator", ["components.age_evaluator.executor"]),
]

MUST_NOT_LOAD = {
    "Pusher": {TENSORFLOW, KERAS, BEAM, TFDV, TFMA, CHARTS, NOTEBOOK, "pandas"},
    "Champion": {TENSORFLOW, KERAS, BEAM, TFDV, TFMA, CHARTS, NOTEBOOK, "pandas"},
    # TFX's decorator for components brings Beam.
    "AgeSchemaGen": {TENSORFLOW, KERAS, TFDV, TFMA, CHARTS, NOTEBOOK},
    "BlessingGate": {TENSORFLOW, KERAS, TFDV, TFMA, CHARTS, NOTEBOOK},
    "VerdictWriter": {KERAS, TFDV, TFMA, CHARTS, NOTEBOOK},
    "FaceExampleGen": {KERAS, TFDV, TFMA, CHARTS, NOTEBOOK},
    "StatisticsGen": {KERAS, TFMA, CHARTS, NOTEBOOK},
    "ExampleValidator": {KERAS, TFMA, CHARTS, NOTEBOOK},
    "DataGate": {KERAS, TFMA, CHARTS, NOTEBOOK},
    "BlessingReport": {KERAS, BEAM, TFDV, TFMA, NOTEBOOK},
    "RunStart": {BEAM, TFDV, TFMA, CHARTS, NOTEBOOK, "pandas"},
    "Trainer": {TFDV, TFMA, CHARTS, NOTEBOOK},
    "AgeEvaluator": {TFDV, CHARTS, NOTEBOOK, "ipywidgets", "scipy.stats._stats_py"},
}


def _modules_loaded(program: str, directory: pathlib.Path) -> dict[str, set[str]]:
    result = directory / "loaded.json"
    ended = subprocess.run([sys.executable, "-c", program, str(result)], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return {name: set(modules) for name, modules in json.loads(result.read_text()).items()}


@pytest.fixture(scope="module")
def local_run(tmp_path_factory) -> dict[str, set[str]]:
    return _modules_loaded(LOCAL_RUN, tmp_path_factory.mktemp("local_run"))


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> dict[str, set[str]]:
    """The modules that containers have, by step."""
    end = "\npathlib.Path(RESULT).write_text(json.dumps(loaded))\n"
    loaded = {}
    for name, beginning, following in (("data", PUSHER, DATA_STEPS), ("model", STEPS, MODEL_STEPS)):
        directory = tmp_path_factory.mktemp(name)
        program = f"import sys, importlib\nRESULT, STEPS = sys.argv[1], {following!r}\n{beginning}{NEXT_STEPS}{end}"
        loaded.update(_modules_loaded(program, directory))
    return loaded


def test_a_local_run_loads_nothing_that_nobody_needs(local_run):
    assert not NOBODY_NEEDS & local_run["local run"]


def test_a_local_run_does_without_kubeflow(local_run):
    assert "kfp" not in local_run["local run"]


def test_what_was_left_out_comes_when_somebody_asks_for_it(local_run):
    assert "keras_tuner" in local_run["asked for a tuner"]


@pytest.mark.parametrize("step", MUST_NOT_LOAD)
def test_a_container_loads_what_its_step_needs(steps, step):
    assert not (MUST_NOT_LOAD[step] | NO_STEP_NEEDS) & steps[step]


def test_what_steps_need_is_there(steps):
    """A module that nobody loads any more, under the name that is looked for, would make the tests above say nothing."""
    assert {TENSORFLOW, BEAM, TFDV} <= steps["DataGate"]
    assert {TENSORFLOW, KERAS, BEAM, TFMA} <= steps["AgeEvaluator"]

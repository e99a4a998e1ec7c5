"""Compiles the one graph to a Kubeflow Pipelines specification."""

import json
import os
import warnings
from typing import Any

from pipeline.configuration import Configuration
from pipeline.graph_inputs import GraphInputs, RunParameters
from pipeline.kubeflow import settings as kubeflow_settings
from schemas.bad_input import BadInput

COMMAND = ["python", "-m", "pipeline.kubeflow.entrypoint"]
RUN_ID = "{{$.pipeline_job_uuid}}"
"""The backend puts the run's id in the place of a parameter that is exactly this."""


def _check(configuration: Configuration) -> None:
    kubeflow = configuration.kubeflow
    if kubeflow.image is None:
        raise BadInput(
            "kubeflow.image is not set. Name the container image of the steps, such as ghcr.io/me/age-pipeline:1.0."
        )
    if configuration.data.dir is None:
        raise BadInput("data.dir is not set. Name the directory with labels.csv and images as the steps see it.")
    paths = {"workdir": configuration.workdir, "data.dir": configuration.data.dir, "serving.dir": configuration.serving_dir}
    weights = configuration.trainer.weights
    if weights not in ("imagenet", "none"):
        paths["trainer.weights"] = weights
    for key, path in paths.items():
        if not kubeflow_settings.is_on_cluster(path):
            raise BadInput(
                f"{key} is {path}; on Kubeflow every step runs in a container of its own, so a relative path means nothing. "
                "Expected an absolute path on a volume (kubeflow.volumes) or a URI such as s3://bucket/key."
            )


def compile_specification(configuration: Configuration) -> str:
    """Returns the specification as YAML: the pipeline, and as a second document the platform configuration.

    The same configuration gives the same bytes.

    Args:
        configuration: what the runs shall do; its `data.dir`, `serving.dir`, `trainer.epochs`, `trainer.learning_rate` and
            `evaluator.max_mae` become the defaults of the pipeline's parameters.

    Raises:
        BadInput: the configuration lacks something that Kubeflow needs.
    """
    _check(configuration)
    schema_text = configuration.schema_text()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from pipeline.kubeflow import specification

        compiled, parameters = _compile(configuration, schema_text)
        return specification.as_yaml(
            specification.complete(compiled, parameters, configuration.kubeflow, configuration.workdir),
            specification.platform(compiled, configuration.kubeflow),
        )


def _compile(configuration: Configuration, schema_text: str) -> tuple:
    """Returns what TFX's compiler makes of the graph, and the pipeline's parameters with their defaults."""
    from tfx.orchestration import data_types, pipeline
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

    from components.blessing_gate.component import BlessingGate
    from components.run_start.component import RunStart
    from pipeline import graph

    kubeflow = configuration.kubeflow
    given = RunParameters.of(configuration)
    parameters: dict[str, Any] = {
        name: data_types.RuntimeParameter(name=name, ptype=kind, default=kind(getattr(given, name)))
        for name, kind in (
            ("data_dir", str),
            ("serving_dir", str),
            ("epochs", int),
            ("learning_rate", float),
            ("max_mae", float),
        )
    }

    run_start = RunStart(
        **parameters,
        settings=json.dumps(
            {
                "schema_text": schema_text,
                "configuration": configuration.described(),
                "beam_args": configuration.beam_args(),
            },
            sort_keys=True,
        ),
        fingerprint_memory=configuration.remembered_digests,
    )
    resolved = {name: output.future()[0].value for name, output in run_start.outputs.items()}
    nodes = graph.components(
        configuration,
        GraphInputs(
            run_id=RUN_ID,
            schema_text=schema_text,
            parameters=RunParameters(**parameters),
            steps_know_run_id=False,
            **resolved,
        ),
    )
    report = nodes[-1]
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        config=kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image=kubeflow.image, default_commands=COMMAND, use_pipeline_spec_2_1=True
        )
    )
    job = runner.run(
        pipeline.Pipeline(
            pipeline_name=kubeflow.pipeline_name,
            pipeline_root=kubeflow.pipeline_root or "",
            components=[run_start, *nodes, BlessingGate(report=report.outputs["report"])],
            beam_pipeline_args=configuration.beam_args(),
            enable_cache=kubeflow.cache,
        ),
        write_out=False,
    )
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    return job["pipelineSpec"], defaults

"""Compiles the one graph to a Kubeflow Pipelines specification."""

import json
import os
import warnings
from typing import Any

from pipeline.configuration import Configuration
from pipeline.kubeflow import settings as kubeflow_settings
from pipeline.run_facts import RunFacts, schema_text
from schemas import verdict
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
    schema = schema_text(configuration.data.schema_file)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        from pipeline.kubeflow import specification

        compiled, parameters = _compile(configuration, schema)
        return specification.as_yaml(
            specification.complete(compiled, parameters, configuration.kubeflow),
            specification.platform(compiled, configuration.kubeflow),
        )


def _compile(configuration: Configuration, schema: str) -> tuple:
    """Returns what TFX's compiler makes of the graph, and the pipeline's parameters with their defaults."""
    from tfx.orchestration import data_types, pipeline
    from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

    from components.blessing_gate.component import BlessingGate
    from components.run_start.component import RunStart
    from pipeline import graph

    kubeflow = configuration.kubeflow
    given = graph.parameters_of(configuration)
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

    known = RunFacts(
        run_id=RUN_ID,
        kind=verdict.RUN,
        data_fingerprint="",
        schema_text=schema,
        weights_digest="",
        recipe="",
        champion_version=0,
    )
    run_start = RunStart(
        **parameters,
        settings=json.dumps(
            {
                "schema_text": schema,
                "configuration": graph.shown_configuration(configuration),
                "beam_args": configuration.beam_args(),
                "run_facts": {**json.loads(graph.facts_for_the_report(configuration, known)), "metadata_path": None},
            },
            sort_keys=True,
        ),
        fingerprint_memory=os.path.join(configuration.workdir, "image_digests.bin"),
    )
    found = {name: output.future()[0].value for name, output in run_start.outputs.items()}
    for_the_report = found.pop("run_facts")
    nodes = graph.components(
        configuration,
        RunFacts(run_id=RUN_ID, kind=verdict.RUN, schema_text=schema, for_the_report=for_the_report, **found),
        graph.RunParameters(**parameters, run_id=RUN_ID),
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

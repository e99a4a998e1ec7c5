"""The graph of the pipeline: one function, one component a paragraph, for every runner."""

import dataclasses
import json
import os
from typing import Any

from tfx import v1 as tfx
from tfx.dsl.components.base import base_node
from tfx.orchestration import metadata, pipeline

from components.age_evaluator.component import AgeEvaluator
from components.age_pusher.component import Pusher
from components.age_schema_gen.component import AgeSchemaGen
from components.blessing_report.component import BlessingReport
from components.champion.component import Champion
from components.data_gate.component import DataGate
from components.data_report.component import DataReport
from components.face_example_gen.component import FaceExampleGen
from components.trainer.component import Trainer
from pipeline.configuration import Configuration, splits_in_order
from pipeline.run_facts import RunFacts
from schemas import age_schema, verdict

PIPELINE_NAME = "age"


def metadata_path(workdir: str) -> str:
    return os.path.join(workdir, "metadata.sqlite")


def report_dir(workdir: str) -> str:
    return os.path.join(workdir, verdict.REPORTS_DIR)


@dataclasses.dataclass(frozen=True)
class RunParameters:
    """What people change from run to run: values of the configuration, or Kubeflow's pipeline parameters.

    Attributes:
        data_dir: `data.dir`.
        serving_dir: `serving.dir`.
        epochs: `trainer.epochs`.
        learning_rate: `trainer.learning_rate`.
        max_mae: `evaluator.max_mae`, years.
        run_id: the run's name, where the runner does not tell it to the steps.
    """

    data_dir: Any
    serving_dir: Any
    epochs: Any
    learning_rate: Any
    max_mae: Any
    run_id: str = ""


def parameters_of(configuration: Configuration) -> RunParameters:
    """Returns the values that a configuration gives."""
    return RunParameters(
        data_dir=configuration.data.dir,
        serving_dir=configuration.serving_dir,
        epochs=configuration.trainer.epochs,
        learning_rate=configuration.trainer.learning_rate,
        max_mae=configuration.evaluator.max_mae,
    )


def shown_configuration(configuration: Configuration) -> dict[str, Any]:
    """Returns the configuration without what only says how to reach Kubeflow and where steps run there."""
    return configuration.model_dump(exclude={"kubeflow"})


def facts_for_the_report(configuration: Configuration, facts: RunFacts) -> str:
    evaluator = configuration.evaluator
    return json.dumps(
        {
            "thresholds": evaluator.model_dump(include={"max_mae", "min_examples", "max_regression", "slice_ceilings"}),
            "data_fingerprint": facts.data_fingerprint,
            "kind": facts.kind,
            "data_dir": configuration.data.dir,
            "metadata_path": metadata_path(configuration.workdir),
            "configuration": shown_configuration(configuration),
        },
        sort_keys=True,
    )


def components(
    configuration: Configuration, facts: RunFacts, parameters: RunParameters | None = None
) -> list[base_node.BaseNode]:
    """Returns the components of the pipeline, or of its data part for a look at the data.

    Args:
        configuration: what the run shall do.
        facts: what it knows of itself.
        parameters: what replaces values of the configuration when the run begins; None for those values.
    """
    parameters = parameters or parameters_of(configuration)
    run_facts = facts.for_the_report or facts_for_the_report(configuration, facts)
    reports = report_dir(configuration.workdir)

    example_gen = FaceExampleGen(
        data_dir=parameters.data_dir,
        data_fingerprint=facts.data_fingerprint,
        splits=splits_in_order(configuration.data.splits),
        limits=age_schema.limits(age_schema.parse(facts.schema_text, "the age schema")),
    )

    schema_gen = AgeSchemaGen(rejects=example_gen.outputs["rejects"], schema_text=facts.schema_text)

    statistics_gen = tfx.components.StatisticsGen(
        examples=example_gen.outputs["examples"], schema=schema_gen.outputs["schema"]
    )

    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )

    data_gate = DataGate(
        rejects=example_gen.outputs["rejects"],
        statistics=statistics_gen.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        anomalies=example_validator.outputs["anomalies"],
        max_reject_fraction=configuration.data.max_reject_fraction,
        report_dir=reports,
        run_facts=run_facts,
        run_id=parameters.run_id,
    )

    data_part = [example_gen, schema_gen, statistics_gen, example_validator, data_gate]
    if facts.kind == verdict.EXPLORE:
        data_report = DataReport(
            examples=example_gen.outputs["examples"],
            rejects=example_gen.outputs["rejects"],
            report_dir=reports,
            run_id=facts.run_id,
            run_facts=run_facts,
        )
        data_report.add_upstream_node(data_gate)
        return [*data_part, data_report]

    trainer = Trainer(
        examples=example_gen.outputs["examples"],
        settings=configuration.trainer,
        epochs=parameters.epochs,
        learning_rate=parameters.learning_rate,
        feature_cache_dir=os.path.join(configuration.workdir, "feature_cache"),
        data_fingerprint=facts.data_fingerprint,
        weights_digest=facts.weights_digest,
        recipe=facts.recipe,
    )
    trainer.add_upstream_node(data_gate)

    champion = Champion(serving_dir=parameters.serving_dir, version=facts.champion_version)
    champion.add_upstream_node(data_gate)

    evaluator = AgeEvaluator(
        examples=example_gen.outputs["examples"],
        statistics=statistics_gen.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        model=trainer.outputs["model"],
        settings=configuration.evaluator,
        baseline_model=champion.outputs["model"],
        max_mae=parameters.max_mae,
    )

    pusher = Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        serving_dir=parameters.serving_dir,
    )

    report = BlessingReport(
        examples=example_gen.outputs["examples"],
        rejects=example_gen.outputs["rejects"],
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        pushed_model=pusher.outputs["pushed_model"],
        report_dir=reports,
        run_id=facts.run_id,
        run_facts=run_facts,
        min_slice_examples=configuration.evaluator.min_slice_examples,
        champion_version=facts.champion_version,
    )

    return [*data_part, trainer, champion, evaluator, pusher, report]


def build(configuration: Configuration, facts: RunFacts) -> pipeline.Pipeline:
    """Returns the pipeline for a run on one machine."""
    return pipeline.Pipeline(
        pipeline_name=PIPELINE_NAME,
        pipeline_root=os.path.join(configuration.workdir, "pipeline_root"),
        components=components(configuration, facts),
        metadata_connection_config=metadata.sqlite_metadata_connection_config(metadata_path(configuration.workdir)),
        beam_pipeline_args=configuration.beam_args(),
        enable_cache=True,
    )

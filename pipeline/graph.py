"""The graph of the pipeline: one function, one component a paragraph, for every runner."""

import json
import os
from typing import Any, Dict, List

from tfx import v1 as tfx
from tfx.dsl.components.base import base_node
from tfx.orchestration import metadata, pipeline

from components import verdict
from components.age_evaluator.component import AgeEvaluator
from components.age_schema_gen.component import AgeSchemaGen
from components.blessing_report.component import BlessingReport
from components.champion.component import Champion
from components.data_gate.component import DataGate
from components.data_report.component import DataReport
from components.face_example_gen.component import FaceExampleGen
from components.trainer.settings import TrainerInputs
from pipeline.configuration import Configuration, splits_in_order
from pipeline.run_facts import RunFacts
from schemas import age_schema, features

PIPELINE_NAME = "age"
TRAINER_FUNCTION = "components.trainer.run_fn.run_fn"


def metadata_path(workdir: str) -> str:
    return os.path.join(workdir, "metadata.sqlite")


def report_dir(workdir: str) -> str:
    return os.path.join(workdir, "reports")


def _facts_for_the_report(configuration: Configuration, facts: RunFacts) -> str:
    evaluator = configuration.evaluator
    return json.dumps(
        {
            "thresholds": evaluator.model_dump(
                include={"max_mae", "min_examples", "max_regression", "slice_ceilings"}
            ),
            "data_fingerprint": facts.data_fingerprint,
            "kind": facts.kind,
            "data_dir": configuration.data.dir,
            "metadata_path": metadata_path(configuration.workdir),
            "configuration": configuration.model_dump(),
        },
        sort_keys=True,
    )


def _provenance(configuration: Configuration, facts: RunFacts) -> Dict[str, Any]:
    return {
        "recipe": facts.recipe,
        "data_fingerprint": facts.data_fingerprint,
        "weights_digest": facts.weights_digest,
        "trainer": configuration.trainer.model_dump(),
    }


def components(configuration: Configuration, facts: RunFacts) -> List[base_node.BaseNode]:
    """Returns the components of the pipeline, or of its data part for a look at the data.

    Args:
        configuration: what the run shall do.
        facts: what it knows of itself.
    """
    run_facts = _facts_for_the_report(configuration, facts)
    reports = report_dir(configuration.workdir)

    example_gen = FaceExampleGen(
        data_dir=configuration.data.dir,
        data_fingerprint=facts.data_fingerprint,
        splits=splits_in_order(configuration.data.splits),
        limits=age_schema.limits(age_schema.parse(facts.schema_text, "the age schema")),
    )

    schema_gen = AgeSchemaGen(examples=example_gen.outputs["examples"], schema_text=facts.schema_text)

    statistics_gen = tfx.components.StatisticsGen(
        examples=example_gen.outputs["examples"], schema=schema_gen.outputs["schema"]
    )

    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )

    data_gate = DataGate(
        examples=example_gen.outputs["examples"],
        rejects=example_gen.outputs["rejects"],
        statistics=statistics_gen.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        anomalies=example_validator.outputs["anomalies"],
        max_reject_fraction=configuration.data.max_reject_fraction,
        report_dir=reports,
        run_facts=run_facts,
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

    trainer = tfx.components.Trainer(
        run_fn=TRAINER_FUNCTION,
        examples=example_gen.outputs["examples"],
        train_args=tfx.proto.TrainArgs(splits=[features.TRAIN]),
        eval_args=tfx.proto.EvalArgs(splits=[features.VALIDATION]),
        custom_config=TrainerInputs(
            settings=configuration.trainer,
            feature_cache_dir=os.path.join(configuration.workdir, "feature_cache"),
            weights_digest=facts.weights_digest,
            provenance=_provenance(configuration, facts),
        ).model_dump(),
    )
    trainer.add_upstream_node(data_gate)

    champion = Champion(serving_dir=configuration.serving_dir, version=facts.champion_version)
    champion.add_upstream_node(data_gate)

    evaluator = AgeEvaluator(
        examples=example_gen.outputs["examples"],
        statistics=statistics_gen.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        model=trainer.outputs["model"],
        settings=configuration.evaluator,
        baseline_model=champion.outputs["model"],
    )

    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=configuration.serving_dir)
        ),
    )

    report = BlessingReport(
        examples=example_gen.outputs["examples"],
        rejects=example_gen.outputs["rejects"],
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        champion=champion.outputs["model"],
        pushed_model=pusher.outputs["pushed_model"],
        report_dir=reports,
        run_id=facts.run_id,
        run_facts=run_facts,
        min_slice_examples=configuration.evaluator.min_slice_examples,
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

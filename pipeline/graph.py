"""The graph of the pipeline, for every runner: a data part, a search if one is wanted, a model part; one component a paragraph."""

from typing import NamedTuple

from tfx.components.example_validator.component import ExampleValidator
from tfx.components.statistics_gen.component import StatisticsGen
from tfx.dsl.components.base import base_node

from age import code_digest
from components.age_evaluator.component import AgeEvaluator
from components.age_pusher.component import Pusher
from components.age_schema_gen.component import AgeSchemaGen
from components.blessing_report.component import BlessingReport
from components.canary.component import Canary
from components.champion.component import Champion
from components.data_gate.component import DataGate
from components.data_report.component import DataReport
from components.face_example_gen.component import FaceExampleGen
from components.trainer.component import Trainer
from components.verdict_writer.component import VerdictWriter
from pipeline.configuration import Configuration, splits_in_order
from pipeline.graph_inputs import GraphInputs
from schemas import age_schema
from schemas.verdict import EXPLORE


class DataPart(NamedTuple):
    """The components that look at the data, in the order in which they run."""

    example_gen: base_node.BaseNode
    schema_gen: base_node.BaseNode
    statistics_gen: base_node.BaseNode
    example_validator: base_node.BaseNode
    gate: base_node.BaseNode


def components(configuration: Configuration, inputs: GraphInputs, search_alone: bool = False) -> list[base_node.BaseNode]:
    """Returns the components of the pipeline, or of its data part and a report of it for a look at the data.

    Args:
        configuration: what the run shall do.
        inputs: what is known of the run, and what replaces values of the configuration when it begins.
        search_alone: whether the search for hyperparameters is where it ends.
    """
    data = data_part(configuration, inputs)
    if inputs.kind == EXPLORE:
        return [*data, data_report(configuration, inputs, data)]
    tuner = [search(configuration, inputs, data)] if configuration.tuner else []
    return [*data, *tuner, *([] if search_alone else model_part(configuration, inputs, data, *tuner))]


def data_part(configuration: Configuration, inputs: GraphInputs) -> DataPart:
    """Returns the components from the label file to the gate that stops a run whose data can't be used."""
    example_gen = FaceExampleGen(
        data_dir=inputs.parameters.data_dir,
        data_fingerprint=inputs.data_fingerprint,
        splits=splits_in_order(configuration.data.splits),
        limits=age_schema.limits(age_schema.parse(inputs.schema_text, "the age schema")),
        face_detector=configuration.data.face_detector or "",
        face_detector_digest=inputs.face_detector_digest,
        align=configuration.data.align,
        grouping=configuration.data.grouping,
    )

    schema_gen = AgeSchemaGen(
        rejects=example_gen.outputs["rejects"],
        schema_text=inputs.schema_text,
        code=code_digest.of("components.age_schema_gen.component"),
    )
    statistics_gen = StatisticsGen(examples=example_gen.outputs["examples"], schema=schema_gen.outputs["schema"])
    example_validator = ExampleValidator(statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"])

    gate = DataGate(
        rejects=example_gen.outputs["rejects"],
        statistics=statistics_gen.outputs["statistics"],
        schema=schema_gen.outputs["schema"],
        anomalies=example_validator.outputs["anomalies"],
        max_reject_fraction=configuration.data.max_reject_fraction,
        report_dir=configuration.reports_dir,
        run_description=inputs.run_description,
        run_id="" if inputs.steps_know_run_id else inputs.run_id,
    )
    return DataPart(example_gen, schema_gen, statistics_gen, example_validator, gate)


def data_report(configuration: Configuration, inputs: GraphInputs, data: DataPart) -> base_node.BaseNode:
    """Returns the component that ends a look at the data."""
    report = DataReport(
        examples=data.example_gen.outputs["examples"],
        rejects=data.example_gen.outputs["rejects"],
        report_dir=configuration.reports_dir,
        run_id=inputs.run_id,
        run_description=inputs.run_description,
    )
    report.add_upstream_node(data.gate)
    return report


def search(configuration: Configuration, inputs: GraphInputs, data: DataPart) -> base_node.BaseNode:
    """Returns the component that searches for hyperparameters."""
    from components.tuner.component import Tuner  # KerasTuner loads with it

    tuner = Tuner(
        examples=data.example_gen.outputs["examples"],
        settings=configuration.trainer,
        tuner_settings=configuration.tuner,
        epochs=inputs.parameters.epochs,
        learning_rate=inputs.parameters.learning_rate,
        feature_cache_dir=configuration.feature_cache_dir,
        search_dir=configuration.search_dir,
        weights_digest=inputs.weights_digest,
    )
    tuner.add_upstream_node(data.gate)
    return tuner


def model_part(
    configuration: Configuration, inputs: GraphInputs, data: DataPart, tuner: base_node.BaseNode | None = None
) -> list[base_node.BaseNode]:
    """Returns the components from the training to the report, in the order in which they run."""
    parameters, reports = inputs.parameters, configuration.reports_dir
    examples, rejects = data.example_gen.outputs["examples"], data.example_gen.outputs["rejects"]
    trainer = Trainer(
        examples=examples,
        settings=configuration.trainer,
        epochs=parameters.epochs,
        learning_rate=parameters.learning_rate,
        feature_cache_dir=configuration.feature_cache_dir,
        checkpoint_dir=configuration.checkpoint_dir,
        data_fingerprint=inputs.data_fingerprint,
        weights_digest=inputs.weights_digest,
        recipe=inputs.recipe,
        hyperparameters=tuner.outputs["best_hyperparameters"] if tuner else None,
        tuner_results=tuner.outputs["tuner_results"] if tuner else None,
    )
    trainer.add_upstream_node(data.gate)

    champion = Champion(model=trainer.outputs["model"], serving_dir=parameters.serving_dir)
    champion_version, champion_digest, best_version, best_digest = (
        champion.outputs[name].future()[0].value for name in ("version", "digest", "best_version", "best_digest")
    )

    evaluator = AgeEvaluator(
        examples=examples,
        statistics=data.statistics_gen.outputs["statistics"],
        schema=data.schema_gen.outputs["schema"],
        model=trainer.outputs["model"],
        settings=configuration.evaluator,
        serving_dir=parameters.serving_dir,
        champion_version=champion_version,
        champion_digest=champion_digest,
        best_version=best_version,
        best_digest=best_digest,
        max_mae=parameters.max_mae,
    )

    canary = Canary(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        evaluation=evaluator.outputs["evaluation"],
        timeout=configuration.pusher.canary_timeout,
        model_server=configuration.pusher.model_server,
    )

    verdict = VerdictWriter(
        rejects=rejects,
        model_run=trainer.outputs["model_run"],
        evaluation=evaluator.outputs["evaluation"],
        infra_blessing=canary.outputs["infra_blessing"],
        report_dir=reports,
        run_id=inputs.run_id,
        run_description=inputs.run_description,
        champion_version=champion_version,
    )

    pusher = Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=canary.outputs["infra_blessing"],
        verdict=verdict.outputs["verdict"],
        serving_dir=parameters.serving_dir,
        champion_version=champion_version,
        champion_digest=champion_digest,
        run_id=inputs.run_id,
        approval=configuration.pusher.approval,
        report_dir=reports,
    )

    report = BlessingReport(
        examples=examples,
        rejects=rejects,
        evaluation=evaluator.outputs["evaluation"],
        verdict=verdict.outputs["verdict"],
        pushed_model=pusher.outputs["pushed_model"],
        report_dir=reports,
        run_id=inputs.run_id,
    )
    return [trainer, champion, evaluator, canary, verdict, pusher, report]

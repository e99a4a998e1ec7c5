"""The declaration of AgeEvaluator."""

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from age import code_digest
from age.evaluation.settings import EvaluatorSettings
from components.age_evaluator import executor
from components.artifacts import Metrics

_LIBRARIES = (*code_digest.LIBRARIES, "tensorflow-model-analysis")


class AgeEvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of AgeEvaluator."""

    PARAMETERS = {
        "max_mae": component_spec.ExecutionParameter(type=float),
        "min_examples": component_spec.ExecutionParameter(type=int),
        "max_regression": component_spec.ExecutionParameter(type=float),
        "slicing": component_spec.ExecutionParameter(type=str),
        "robustness": component_spec.ExecutionParameter(type=str),
        "serving_dir": component_spec.ExecutionParameter(type=str),
        "champion_version": component_spec.ExecutionParameter(type=int),
        "champion_digest": component_spec.ExecutionParameter(type=str),
        "best_version": component_spec.ExecutionParameter(type=int),
        "best_digest": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS = {
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "metrics": component_spec.ChannelParameter(type=Metrics),
    }


class AgeEvaluator(base_beam_component.BaseBeamComponent):
    """Measures a model on the test split with TFMA and blesses it, or does not.

        evaluator = AgeEvaluator(
            examples,
            statistics,
            schema,
            model,
            EvaluatorSettings(max_mae=8),
            "run/serving/age",
            champion_version,
            champion_digest,
            best_version,
            best_digest,
        )

    It is TFX's Evaluator with an evaluation configuration that is made when the step runs: thresholds are plain
    parameters, slices follow the attribute columns that the data have, and the baseline is a version in the serving directory.

    Outputs:
        evaluation: `ModelEvaluation`, TFMA's metrics by slice and validation result; beside them what each photograph was
            taken for, how the champion compares, what the evidence says of each slice, how far the model is off on photographs made
            worse, and a few of the photographs.
        blessing: `ModelBlessing`.
        metrics: `Metrics`, the same metrics as properties: `mae`, `bias`, `within_5_years`, and those of the slices under
            names such as `mae gender=female`.

    Args:
        examples: what FaceExampleGen wrote; the `test` split is measured.
        statistics: what StatisticsGen computed; says how many values an attribute has.
        schema: what AgeSchemaGen published.
        model: the candidate.
        settings: thresholds, slices, and whether photographs are made worse.
        serving_dir: directory with the numbered versions.
        champion_version: the version that the candidate is compared with; 0 for none.
        champion_digest: digest of its content; empty likewise.
        best_version: a version that was better by its own record, with which the candidate is compared too; 0 for none.
        best_digest: digest of its content; empty likewise.
        max_mae: replaces `settings.max_mae`, where it is a pipeline parameter.
    """

    SPEC_CLASS = AgeEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        statistics: channel.BaseChannel,
        schema: channel.BaseChannel,
        model: channel.BaseChannel,
        settings: EvaluatorSettings,
        serving_dir: str,
        champion_version: int,
        champion_digest: str,
        best_version: int,
        best_digest: str,
        max_mae: float | None = None,
    ):
        super().__init__(
            AgeEvaluatorSpec(
                examples=examples,
                statistics=statistics,
                schema=schema,
                model=model,
                serving_dir=serving_dir,
                champion_version=champion_version,
                champion_digest=champion_digest,
                best_version=best_version,
                best_digest=best_digest,
                code=code_digest.of(executor.__name__, libraries=_LIBRARIES),
                max_mae=settings.max_mae if max_mae is None else max_mae,
                min_examples=settings.min_examples,
                max_regression=settings.max_regression,
                slicing=settings.model_dump_json(
                    include={
                        "min_coverage",
                        "slice_attributes",
                        "max_slice_values",
                        "min_slice_examples",
                        "max_slice_mae",
                        "slice_ceilings",
                    }
                ),
                robustness=settings.model_dump_json(include={"robustness", "robustness_examples", "robustness_ceilings"}),
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
                metrics=channel.Channel(type=Metrics),
            )
        )

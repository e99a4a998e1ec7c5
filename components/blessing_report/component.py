"""The declaration of BlessingReport."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.blessing_report import executor


class BlessingReportSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of BlessingReport."""

    PARAMETERS = {
        "report_dir": component_spec.ExecutionParameter(type=str),
        "run_id": component_spec.ExecutionParameter(type=str),
        "run_description": component_spec.ExecutionParameter(type=str),
        "champion_version": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "rejects": component_spec.ChannelParameter(type=artifacts.Rejects),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
    }
    OUTPUTS = {
        "report": component_spec.ChannelParameter(type=artifacts.BlessingReport),
        "page": component_spec.ChannelParameter(type=artifacts.HtmlPage),
    }


class BlessingReport(base_component.BaseComponent):
    """Writes the verdict of a run to `<report_dir>/<run_id>/`: `blessing.json` and `report.html`.

    It runs for every run, also when everything before it came from the cache: the run's name is one of its parameters.

    Outputs:
        report: `BlessingReport`, the same two files.
        page: `HtmlPage`, the report once more, where Kubeflow's run page finds it.

    Args:
        examples: what FaceExampleGen wrote.
        rejects: what FaceExampleGen rejected.
        model_run: what the Trainer recorded.
        evaluation: what AgeEvaluator measured.
        pushed_model: what the Pusher did.
        report_dir: directory in which each run has a folder.
        run_id: the run's name.
        run_description: what it says of the run itself, a `RunDescription` as JSON.
        champion_version: version of the model that the candidate was compared with, or 0.
    """

    SPEC_CLASS = BlessingReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        rejects: channel.BaseChannel,
        model_run: channel.BaseChannel,
        evaluation: channel.BaseChannel,
        pushed_model: channel.BaseChannel,
        report_dir: str,
        run_id: str,
        run_description: str,
        champion_version: int,
    ):
        super().__init__(
            BlessingReportSpec(
                examples=examples,
                rejects=rejects,
                model_run=model_run,
                evaluation=evaluation,
                pushed_model=pushed_model,
                report_dir=report_dir,
                run_id=run_id,
                run_description=run_description,
                champion_version=champion_version,
                report=channel.Channel(type=artifacts.BlessingReport),
                page=channel.Channel(type=artifacts.HtmlPage),
            )
        )

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
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "rejects": component_spec.ChannelParameter(type=artifacts.Rejects),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "verdict": component_spec.ChannelParameter(type=artifacts.Verdict),
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
    }
    OUTPUTS = {
        "report": component_spec.ChannelParameter(type=artifacts.BlessingReport),
        "page": component_spec.ChannelParameter(type=artifacts.HtmlPage),
    }


class BlessingReport(base_component.BaseComponent):
    """Completes the verdict of a run in `<report_dir>/<run_id>/` with what became of its model: `blessing.json`, `report.html`.

    It runs for every run, also when everything before it came from the cache: the run's name is one of its parameters.

    Outputs:
        report: `BlessingReport`, the same two files.
        page: `HtmlPage`, the report once more, where Kubeflow's run page finds it.

    Args:
        examples: what FaceExampleGen wrote.
        rejects: what FaceExampleGen rejected.
        evaluation: what AgeEvaluator measured.
        verdict: what VerdictWriter wrote before the push.
        pushed_model: what the Pusher did; its properties say it, and it holds no model.
        report_dir: directory in which each run has a folder.
        run_id: the run's name.
    """

    SPEC_CLASS = BlessingReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        rejects: channel.BaseChannel,
        evaluation: channel.BaseChannel,
        verdict: channel.BaseChannel,
        pushed_model: channel.BaseChannel,
        report_dir: str,
        run_id: str,
    ):
        super().__init__(
            BlessingReportSpec(
                examples=examples,
                rejects=rejects,
                evaluation=evaluation,
                verdict=verdict,
                pushed_model=pushed_model,
                report_dir=report_dir,
                run_id=run_id,
                report=channel.Channel(type=artifacts.BlessingReport),
                page=channel.Channel(type=artifacts.HtmlPage),
            )
        )

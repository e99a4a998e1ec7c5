"""The declaration of DataReport."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components import artifacts
from components.data_report import executor


class DataReportSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of DataReport."""

    PARAMETERS = {
        "report_dir": component_spec.ExecutionParameter(type=str),
        "run_id": component_spec.ExecutionParameter(type=str),
        "run_description": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "rejects": component_spec.ChannelParameter(type=artifacts.Rejects),
    }
    OUTPUTS = {"report": component_spec.ChannelParameter(type=artifacts.BlessingReport)}


class DataReport(base_component.BaseComponent):
    """Writes the verdict of a look at the data to `<report_dir>/<run_id>/`: `blessing.json` and `report.html`.

        report = DataReport(examples, rejects, report_dir="run/reports", run_id="20260101-120000", run_description=description)
        report.add_upstream_node(data_gate)

    It comes after DataGate, which writes the same where it stops.

    Outputs:
        report: `BlessingReport`, the same two files.

    Args:
        examples: what FaceExampleGen wrote.
        rejects: what it rejected.
        report_dir: directory in which each run has a folder.
        run_id: the run's name.
        run_description: what it says of the run itself, a `RunDescription` as JSON.
    """

    SPEC_CLASS = DataReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        rejects: channel.BaseChannel,
        report_dir: str,
        run_id: str,
        run_description: str,
    ):
        super().__init__(
            DataReportSpec(
                examples=examples,
                rejects=rejects,
                report_dir=report_dir,
                run_id=run_id,
                run_description=run_description,
                report=channel.Channel(type=artifacts.BlessingReport),
            )
        )

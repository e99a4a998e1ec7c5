"""The declaration of DataGate."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from age import code_digest
from components.artifacts import GateReport, Rejects
from components.data_gate import executor


class DataGateSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of DataGate."""

    PARAMETERS = {
        "max_reject_fraction": component_spec.ExecutionParameter(type=float),
        "report_dir": component_spec.ExecutionParameter(type=str),
        "run_description": component_spec.ExecutionParameter(type=str),
        "run_id": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "rejects": component_spec.ChannelParameter(type=Rejects),
        "statistics": component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        "schema": component_spec.ChannelParameter(type=standard_artifacts.Schema),
        "anomalies": component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies),
    }
    OUTPUTS = {"gate_report": component_spec.ChannelParameter(type=GateReport)}


class DataGate(base_component.BaseComponent):
    """Lets a run go on only when its data are what the schema says.

        gate = DataGate(rejects, statistics, schema, anomalies, max_reject_fraction=0.05, report_dir="run/reports")
        trainer.add_upstream_node(gate)

    The step fails, with every reason in words, on any anomaly in any split, on splits whose distributions differ by more
    than the schema's skew comparators allow, on an empty split, and when more than `max_reject_fraction` of the rows
    were rejected. Before it fails it writes the run's verdict, because no later step will run.

    Outputs:
        gate_report: `GateReport`, what was checked.

    Args:
        rejects: what FaceExampleGen rejected; it says where the examples are, and the verdict repeats it.
        statistics: what StatisticsGen computed.
        schema: what AgeSchemaGen published.
        anomalies: what ExampleValidator found.
        max_reject_fraction: share of rows, 0 to 1.
        report_dir: directory in which each run has a folder for its report.
        run_description: what the report says of the run itself, a `RunDescription` as JSON.
        run_id: the run's name, where the runner does not tell it to the steps; then the gate runs for every run.
    """

    SPEC_CLASS = DataGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        rejects: channel.BaseChannel,
        statistics: channel.BaseChannel,
        schema: channel.BaseChannel,
        anomalies: channel.BaseChannel,
        max_reject_fraction: float,
        report_dir: str,
        run_description: str = "{}",
        run_id: str = "",
    ):
        super().__init__(
            DataGateSpec(
                rejects=rejects,
                statistics=statistics,
                schema=schema,
                anomalies=anomalies,
                max_reject_fraction=max_reject_fraction,
                report_dir=report_dir,
                run_description=run_description,
                run_id=run_id,
                code=code_digest.of(executor.__name__),
                gate_report=channel.Channel(type=GateReport),
            )
        )

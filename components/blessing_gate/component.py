"""The declaration of BlessingGate."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec

from components import artifacts
from components.blessing_gate import executor


class BlessingGateSpec(component_spec.ComponentSpec):
    """The input of BlessingGate."""

    PARAMETERS = {}
    INPUTS = {"report": component_spec.ChannelParameter(type=artifacts.BlessingReport)}
    OUTPUTS = {}


class BlessingGate(base_component.BaseComponent):
    """Fails when the model was not blessed, so that a run's state says what its verdict is.

    It is the last step on Kubeflow, after the report is published; a local run says its verdict itself.

    Args:
        report: what BlessingReport wrote.
    """

    SPEC_CLASS = BlessingGateSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, report: channel.BaseChannel):
        super().__init__(BlessingGateSpec(report=report))

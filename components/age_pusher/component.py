"""The declaration of Pusher."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.age_pusher import executor


class AgePusherSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Pusher."""

    PARAMETERS = {"serving_dir": component_spec.ExecutionParameter(type=str)}
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """TFX's Pusher, with the serving directory as a parameter of its own, which may be a pipeline parameter of Kubeflow.

        pusher = Pusher(model, model_blessing, serving_dir="run/serving/age")

    Outputs:
        pushed_model: `PushedModel`.

    Args:
        model: the candidate.
        model_blessing: what AgeEvaluator said; a model that was not blessed is not pushed.
        serving_dir: directory with the numbered versions.
    """

    SPEC_CLASS = AgePusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, model: channel.BaseChannel, model_blessing: channel.BaseChannel, serving_dir: str):
        super().__init__(
            AgePusherSpec(
                model=model,
                model_blessing=model_blessing,
                serving_dir=serving_dir,
                pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
            )
        )

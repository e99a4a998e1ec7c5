"""The declaration of Pusher."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.age_pusher import executor


class AgePusherSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Pusher."""

    PARAMETERS = {
        "serving_dir": component_spec.ExecutionParameter(type=str),
        "champion_version": component_spec.ExecutionParameter(type=int),
        "champion_digest": component_spec.ExecutionParameter(type=str),
        "run_id": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Has a blessed model served, unless it is being served already, was withdrawn, or another one took the champion's place.

        pusher = Pusher(model, model_blessing, "run/serving/age", champion_version, champion_digest, run_id="20261124-101500")

    It is never taken from the cache: the run's name is one of its parameters, and the serving directory is asked each time.
    TFX's Pusher is not used: it writes in sight of servers, names versions by the second, and knows from the cache alone
    whether a model was pushed.

    Outputs:
        pushed_model: `PushedModel`, with the properties that TFX's Pusher gives it (`pushed`, `pushed_version`,
            `pushed_destination`), and `refusal`: why a blessed model was not pushed.

    Args:
        model: the candidate.
        model_blessing: what AgeEvaluator said; a model that was not blessed is not pushed.
        serving_dir: directory with the numbered versions.
        champion_version: the version that the candidate was compared with; 0 for none.
        champion_digest: digest of its content; empty likewise.
        run_id: the run's name, for the directory's history.
    """

    SPEC_CLASS = AgePusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: channel.BaseChannel,
        model_blessing: channel.BaseChannel,
        serving_dir: str,
        champion_version: int,
        champion_digest: str,
        run_id: str,
    ):
        super().__init__(
            AgePusherSpec(
                model=model,
                model_blessing=model_blessing,
                serving_dir=serving_dir,
                champion_version=champion_version,
                champion_digest=champion_digest,
                run_id=run_id,
                pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
            )
        )

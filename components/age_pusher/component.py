"""The declaration of Pusher."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.age_pusher import executor
from components.artifacts import Verdict


class AgePusherSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Pusher."""

    PARAMETERS = {
        "serving_dir": component_spec.ExecutionParameter(type=str),
        "champion_version": component_spec.ExecutionParameter(type=int),
        "champion_digest": component_spec.ExecutionParameter(type=str),
        "run_id": component_spec.ExecutionParameter(type=str),
        "approval": component_spec.ExecutionParameter(type=str),
        "report_dir": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "infra_blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing),
        "verdict": component_spec.ChannelParameter(type=Verdict),
    }
    OUTPUTS = {"pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel)}


class Pusher(base_component.BaseComponent):
    """Has a blessed model served, unless it is being served already, was withdrawn, or another one took the champion's place.

        pusher = Pusher(
            model,
            model_blessing,
            infra_blessing,
            verdict,
            "run/serving/age",
            champion_version,
            champion_digest,
            run_id="20261124-101500",
            approval="manual",
            report_dir="run/reports",
        )

    It is never taken from the cache: the run's name is one of its parameters, and the serving directory is asked each time.
    TFX's Pusher is not used: it writes in sight of servers, names versions by the second, and knows from the cache alone
    whether a model was pushed.

    Outputs:
        pushed_model: `PushedModel`, with the properties that TFX's Pusher gives it (`pushed`, `pushed_version`,
            `pushed_destination`), and `refusal`: why a blessed model was not pushed, or `waiting`, 1 for one that a person has
            yet to approve.

    Args:
        model: the candidate.
        model_blessing: what AgeEvaluator said; a model that was not blessed is not pushed.
        infra_blessing: what Canary said, likewise.
        verdict: what VerdictWriter wrote, before anything is pushed; the history keeps the error.
        serving_dir: directory with the numbered versions.
        champion_version: the version that the candidate was compared with; 0 for none.
        champion_digest: digest of its content; empty likewise.
        run_id: the run's name, for the directory's history.
        approval: `automatic`, or `manual`: the model is kept in the serving directory until `age-pipeline serving approve`.
        report_dir: directory in which each run has a folder, for whoever approves.
    """

    SPEC_CLASS = AgePusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: channel.BaseChannel,
        model_blessing: channel.BaseChannel,
        infra_blessing: channel.BaseChannel,
        verdict: channel.BaseChannel,
        serving_dir: str,
        champion_version: int,
        champion_digest: str,
        run_id: str,
        approval: str,
        report_dir: str,
    ):
        super().__init__(
            AgePusherSpec(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                verdict=verdict,
                serving_dir=serving_dir,
                champion_version=champion_version,
                champion_digest=champion_digest,
                run_id=run_id,
                approval=approval,
                report_dir=report_dir,
                pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
            )
        )

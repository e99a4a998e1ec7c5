"""The declaration of Canary."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from age import code_digest
from components.canary import executor


class CanarySpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Canary."""

    PARAMETERS = {
        "timeout": component_spec.ExecutionParameter(type=float),
        "model_server": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_blessing": component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
    }
    OUTPUTS = {"infra_blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)}


class Canary(base_component.BaseComponent):
    """Has a process that has nothing of this project load a blessed model and answer as it did when it was evaluated.

        canary = Canary(model, model_blessing, evaluation, timeout=300.0)

    It stands where TFX's InfraValidator would, which needs Docker or Kubernetes to start a server, throws the answers away, and
    does not run on Kubeflow 2.

    Outputs:
        infra_blessing: `InfraBlessing`, as InfraValidator gives it (`blessed` 1 or 0, and a file `INFRA_BLESSED` or
            `INFRA_NOT_BLESSED`), and in it `canary.json`, what was found. It is 0, and nothing is in it, where the model was
            not blessed and nobody asked it anything.

    Args:
        model: the candidate.
        model_blessing: what AgeEvaluator said.
        evaluation: what it measured, and the photographs that are asked for.
        timeout: seconds that the process may take.
        model_server: TensorFlow Serving's binary, path or name; None for TensorFlow alone.
    """

    SPEC_CLASS = CanarySpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: channel.BaseChannel,
        model_blessing: channel.BaseChannel,
        evaluation: channel.BaseChannel,
        timeout: float,
        model_server: str | None = None,
    ):
        super().__init__(
            CanarySpec(
                model=model,
                model_blessing=model_blessing,
                evaluation=evaluation,
                timeout=timeout,
                model_server=model_server or "",
                code=code_digest.of(executor.__name__),
                infra_blessing=channel.Channel(type=standard_artifacts.InfraBlessing),
            )
        )

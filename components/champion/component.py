"""The declaration of Champion."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.champion import executor


class ChampionSpec(component_spec.ComponentSpec):
    """Outputs and parameters of Champion."""

    PARAMETERS = {
        "serving_dir": component_spec.ExecutionParameter(type=str),
        "version": component_spec.ExecutionParameter(type=int),
    }
    INPUTS = {}
    OUTPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}


class Champion(base_component.BaseComponent):
    """Publishes the model that is being served as the baseline of the Evaluator.

        champion = Champion(serving_dir="run/serving/age", version=1790000000)

    TFX's resolver for the latest blessed model is not supported by the open-source Kubeflow backend, and knows what was
    once blessed rather than what is being served.

    Outputs:
        model: `Model`; an empty one when nothing is being served (`version` 0).

    Args:
        serving_dir: directory with the numbered versions.
        version: the version to compare with, found with `serving_directory.champion`; 0 for none.
    """

    SPEC_CLASS = ChampionSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, serving_dir: str, version: int):
        super().__init__(
            ChampionSpec(serving_dir=serving_dir, version=version, model=channel.Channel(type=standard_artifacts.Model))
        )

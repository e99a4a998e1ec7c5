"""The declaration of Champion."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.champion import driver, executor


class ChampionSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Champion."""

    PARAMETERS = {"serving_dir": component_spec.ExecutionParameter(type=str)}
    INPUTS = {"model": component_spec.ChannelParameter(type=standard_artifacts.Model)}
    OUTPUTS = {
        "version": component_spec.ChannelParameter(type=standard_artifacts.Integer),
        "digest": component_spec.ChannelParameter(type=standard_artifacts.String),
        "best_version": component_spec.ChannelParameter(type=standard_artifacts.Integer),
        "best_digest": component_spec.ChannelParameter(type=standard_artifacts.String),
    }


class Champion(base_component.BaseComponent):
    """Looks up the model that a candidate has to stand up to: the newest one being served that is not this very model.

        champion = Champion(trainer.outputs["model"], serving_dir="run/serving/age")

    The serving directory is asked in every run: locally before TFX looks into its cache (see `driver`), on Kubeflow because the
    step is never cached. What it finds goes to AgeEvaluator as parameters, so that a comparison with the same model is taken from
    the cache.

    TFX's resolver for the latest blessed model is not supported by the open-source Kubeflow backend, and knows what was
    once blessed rather than what is being served.

    Outputs:
        version: `Integer`, the served version; 0 when nothing else is being served.
        digest: `String`, of its content (see `age.serving.model_digest`); empty likewise.
        best_version: `Integer`, a version that was better than that one by its own record; 0 for none.
        best_digest: `String`, of its content; empty likewise.

    Args:
        model: the candidate.
        serving_dir: directory with the numbered versions.
    """

    SPEC_CLASS = ChampionSpec
    DRIVER_CLASS = driver.Driver
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(self, model: channel.BaseChannel, serving_dir: str):
        super().__init__(
            ChampionSpec(
                model=model,
                serving_dir=serving_dir,
                **{name: channel.Channel(type=output.type) for name, output in ChampionSpec.OUTPUTS.items()},
            )
        )

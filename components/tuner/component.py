"""The declaration of Tuner."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from age import code_digest
from age.model.search_space import TunerSettings
from age.model.settings import TrainerSettings
from components.tuner import executor

_TEXT = component_spec.ExecutionParameter(type=str)


class AgeTunerSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Tuner."""

    PARAMETERS = {
        "epochs": component_spec.ExecutionParameter(type=int),
        "learning_rate": component_spec.ExecutionParameter(type=float),
        "settings": _TEXT,
        "tuner": _TEXT,
        "feature_cache_dir": _TEXT,
        "search_dir": _TEXT,
        "weights_digest": _TEXT,
        "code": _TEXT,
    }
    INPUTS = {"examples": component_spec.ChannelParameter(type=standard_artifacts.Examples)}
    OUTPUTS = {
        "best_hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults),
    }


class Tuner(base_component.BaseComponent):
    """TFX's Tuner, with what people change from run to run as parameters of its own.

        tuner = Tuner(examples, settings, tuner_settings, epochs=10, learning_rate=1e-3, ...)

    Outputs:
        best_hyperparameters: `HyperParameters`, KerasTuner's description of the best ones.
        tuner_results: `TunerResults`, all trials: `trials.csv` for people, `trials.json`, and TFX's `tuner_results.json`.

    Args:
        examples: what FaceExampleGen wrote; `train` and `validation` are seen.
        settings: the `trainer` section.
        tuner_settings: the `tuner` section.
        epochs: replaces `settings.epochs`.
        learning_rate: replaces `settings.learning_rate`.
        feature_cache_dir: where the outputs of frozen layers are kept; the Trainer's, so that each finds what the other computed.
        search_dir: where a search keeps what it needs to go on after an interruption.
        weights_digest: SHA-256 of the weights file, empty when there is none.
    """

    SPEC_CLASS = AgeTunerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        settings: TrainerSettings,
        tuner_settings: TunerSettings,
        epochs: int,
        learning_rate: float,
        feature_cache_dir: str,
        search_dir: str,
        weights_digest: str,
    ):
        super().__init__(
            AgeTunerSpec(
                examples=examples,
                settings=settings.model_dump_json(exclude={"epochs", "learning_rate"}),
                tuner=tuner_settings.model_dump_json(),
                epochs=epochs,
                learning_rate=learning_rate,
                feature_cache_dir=feature_cache_dir,
                search_dir=search_dir,
                weights_digest=weights_digest,
                code=code_digest.of(executor.__name__, executor.TUNING),
                best_hyperparameters=channel.Channel(type=standard_artifacts.HyperParameters),
                tuner_results=channel.Channel(type=standard_artifacts.TunerResults),
            )
        )

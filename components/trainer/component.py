"""The declaration of Trainer."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from age import code_digest
from age.model.settings import TrainerSettings
from components.trainer import executor

_TEXT = component_spec.ExecutionParameter(type=str)


class AgeTrainerSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of Trainer."""

    PARAMETERS = {
        "epochs": component_spec.ExecutionParameter(type=int),
        "learning_rate": component_spec.ExecutionParameter(type=float),
        "settings": _TEXT,
        "feature_cache_dir": _TEXT,
        "checkpoint_dir": _TEXT,
        "data_fingerprint": _TEXT,
        "weights_digest": _TEXT,
        "recipe": _TEXT,
        "code": _TEXT,
    }
    INPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "hyperparameters": component_spec.ChannelParameter(type=standard_artifacts.HyperParameters, optional=True),
        "tuner_results": component_spec.ChannelParameter(type=standard_artifacts.TunerResults, optional=True),
    }
    OUTPUTS = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class Trainer(base_component.BaseComponent):
    """TFX's Trainer, with what people change from run to run as parameters of its own.

        trainer = Trainer(examples, settings, epochs=10, learning_rate=1e-3, ...)

    TFX's own Trainer takes everything in one JSON text, inside which a pipeline parameter of Kubeflow is lost.

    Outputs:
        model: `Model`, the exported SavedModel.
        model_run: `ModelRun`, `history.json` and TensorBoard's summaries.

    Args:
        examples: what FaceExampleGen wrote; `train` and `validation` are seen.
        settings: the `trainer` section.
        epochs: replaces `settings.epochs`.
        learning_rate: replaces `settings.learning_rate`.
        feature_cache_dir: where the outputs of frozen layers are kept.
        checkpoint_dir: where a training keeps what it needs to go on after an interruption.
        data_fingerprint: written into the model's provenance.
        weights_digest: SHA-256 of the weights file, empty when there is none; another content under the same path is
            another parameter for the cache.
        recipe: hash over everything that the model depends on, written into its provenance.
        hyperparameters: the best of a search, which replace settings; None where there was none.
        tuner_results: all trials of the same search, for the report.
    """

    SPEC_CLASS = AgeTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        examples: channel.BaseChannel,
        settings: TrainerSettings,
        epochs: int,
        learning_rate: float,
        feature_cache_dir: str,
        checkpoint_dir: str,
        data_fingerprint: str,
        weights_digest: str,
        recipe: str,
        hyperparameters: channel.BaseChannel | None = None,
        tuner_results: channel.BaseChannel | None = None,
    ):
        super().__init__(
            AgeTrainerSpec(
                examples=examples,
                hyperparameters=hyperparameters,
                tuner_results=tuner_results,
                settings=settings.model_dump_json(exclude={"epochs", "learning_rate"}),
                epochs=epochs,
                learning_rate=learning_rate,
                feature_cache_dir=feature_cache_dir,
                checkpoint_dir=checkpoint_dir,
                data_fingerprint=data_fingerprint,
                weights_digest=weights_digest,
                recipe=recipe,
                code=code_digest.of(executor.__name__, executor.TRAINING),
                model=channel.Channel(type=standard_artifacts.Model),
                model_run=channel.Channel(type=standard_artifacts.ModelRun),
            )
        )

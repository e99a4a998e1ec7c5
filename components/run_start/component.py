"""The declaration of RunStart."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from components.run_start import executor

_TEXT = component_spec.ExecutionParameter(type=str)


class RunStartSpec(component_spec.ComponentSpec):
    """Outputs and parameters of RunStart."""

    PARAMETERS = {
        "data_dir": _TEXT,
        "serving_dir": _TEXT,
        "epochs": component_spec.ExecutionParameter(type=int),
        "learning_rate": component_spec.ExecutionParameter(type=float),
        "max_mae": component_spec.ExecutionParameter(type=float),
        "settings": _TEXT,
        "fingerprint_memory": _TEXT,
    }
    INPUTS = {}
    OUTPUTS = {
        "data_fingerprint": component_spec.ChannelParameter(type=standard_artifacts.String),
        "weights_digest": component_spec.ChannelParameter(type=standard_artifacts.String),
        "face_detector_digest": component_spec.ChannelParameter(type=standard_artifacts.String),
        "recipe": component_spec.ChannelParameter(type=standard_artifacts.String),
        "run_description": component_spec.ChannelParameter(type=standard_artifacts.String),
    }


class RunStart(base_component.BaseComponent):
    """Resolves, as the first step of a run, what a local run resolves before its graph begins.

    It is never taken from the cache: it looks at the data. What it finds goes to later steps
    as parameters, not as artifacts, so that those are taken from the cache as long as it finds the same.

    Outputs:
        data_fingerprint: `String`, SHA-256 over labels and images.
        weights_digest: `String`, SHA-256 of the weights file; empty when there is no file.
        face_detector_digest: `String`, SHA-256 of the face detector's file; empty when there is none.
        recipe: `String`, hash over everything that the trained model depends on.
        run_description: `String`, what the report says of the run itself, a `RunDescription` as JSON.

    Args:
        data_dir: directory with `labels.csv` and the images.
        serving_dir: directory with the numbered versions.
        epochs: replaces the Trainer's setting.
        learning_rate: likewise.
        max_mae: replaces the Evaluator's setting, years.
        settings: JSON with `schema_text`, `configuration` (the run's, as compiled) and `beam_args` (the command line of
            Beam's pipelines).
        fingerprint_memory: path of the file that remembers the hashes of images; empty for none.
    """

    SPEC_CLASS = RunStartSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        data_dir: str,
        serving_dir: str,
        epochs: int,
        learning_rate: float,
        max_mae: float,
        settings: str,
        fingerprint_memory: str,
    ):
        super().__init__(
            RunStartSpec(
                data_dir=data_dir,
                serving_dir=serving_dir,
                epochs=epochs,
                learning_rate=learning_rate,
                max_mae=max_mae,
                settings=settings,
                fingerprint_memory=fingerprint_memory,
                **{name: channel.Channel(type=output.type) for name, output in RunStartSpec.OUTPUTS.items()},
            )
        )

"""The declaration of FaceExampleGen."""

import json

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from age import code_digest
from components.artifacts import Rejects
from components.face_example_gen import executor
from schemas.age_schema import Limits


class FaceExampleGenSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of FaceExampleGen."""

    PARAMETERS = {
        "data_dir": component_spec.ExecutionParameter(type=str),
        "data_fingerprint": component_spec.ExecutionParameter(type=str),
        "splits": component_spec.ExecutionParameter(type=str),
        "limits": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS = {}
    OUTPUTS = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "rejects": component_spec.ChannelParameter(type=Rejects),
    }


class FaceExampleGen(base_beam_component.BaseBeamComponent):
    """Turns `labels.csv` and the images it names into TFRecord examples.

        fingerprint = data_fingerprint("faces")
        example_gen = FaceExampleGen("faces", fingerprint.content, {"train": 0.8, "validation": 0.1, "test": 0.1}, limits)

    Outputs:
        examples: `Examples` with one split for each key of `splits`, features as in `schemas.features`.
        rejects: `Rejects`, every row that could not be used with the reason, and counts over all rows.

    Args:
        data_dir: directory with `labels.csv` and the images; any path that TensorFlow's file systems read.
        data_fingerprint: changes whenever the data do. It is what tells TFX's cache that the data are new.
        splits: share of each split, summing to 1.
        limits: ages and image sides that are accepted.
    """

    SPEC_CLASS = FaceExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(self, data_dir: str, data_fingerprint: str, splits: dict[str, float], limits: Limits):
        super().__init__(
            FaceExampleGenSpec(
                data_dir=data_dir,
                data_fingerprint=data_fingerprint,
                splits=json.dumps(splits),
                limits=json.dumps(vars(limits)),
                code=code_digest.of(executor.__name__),
                examples=channel.Channel(type=standard_artifacts.Examples),
                rejects=channel.Channel(type=Rejects),
            )
        )

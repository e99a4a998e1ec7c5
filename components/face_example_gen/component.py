"""The declaration of FaceExampleGen."""

import json

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from age import code_digest
from age.dataset.split_groups import NO_GROUPING, Grouping
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
        "face_detector": component_spec.ExecutionParameter(type=str),
        "face_detector_digest": component_spec.ExecutionParameter(type=str),
        "align": component_spec.ExecutionParameter(type=int),
        "grouping": component_spec.ExecutionParameter(type=str),
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
        face_detector: model file of YuNet; empty for none. The examples then say how faces lie in them.
        face_detector_digest: SHA-256 of that file; another content under the same path is another parameter for the cache.
        align: whether the main face of each photograph is cut out.
        grouping: what is kept in one split beside copies of a picture.
    """

    SPEC_CLASS = FaceExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        data_dir: str,
        data_fingerprint: str,
        splits: dict[str, float],
        limits: Limits,
        face_detector: str = "",
        face_detector_digest: str = "",
        align: bool = False,
        grouping: Grouping = NO_GROUPING,
    ):
        super().__init__(
            FaceExampleGenSpec(
                data_dir=data_dir,
                data_fingerprint=data_fingerprint,
                splits=json.dumps(splits),
                limits=json.dumps(vars(limits)),
                face_detector=face_detector,
                face_detector_digest=face_detector_digest,
                align=int(align),
                grouping=json.dumps(vars(grouping)),
                code=code_digest.of(executor.__name__),
                examples=channel.Channel(type=standard_artifacts.Examples),
                rejects=channel.Channel(type=Rejects),
            )
        )

"""What a run starts from and what a trained model depends on, as hashes."""

import dataclasses
import hashlib
import json
import os
from typing import Any

from age import code_digest, storage
from age.dataset import fingerprint, label_file
from age.model.settings import TrainerSettings
from schemas import features
from schemas.bad_input import BadInput
from schemas.run_description import RunDescription
from schemas.verdict import RUN, Kind, Thresholds

NO_FILE = ("imagenet", "none")
"""Values of `trainer.weights` that name no file."""

_MODEL_CODE = ("age.dataset.ingestion", "age.model.training")
"""The modules that make examples of photographs, and a model of examples."""


@dataclasses.dataclass(frozen=True)
class RunInputs:
    """What a run starts from, as it is when it begins.

    Attributes:
        data_fingerprint: SHA-256 over labels and images.
        rows: number of rows in the label file.
        weights_digest: SHA-256 of the weights file, empty when there is none.
        face_detector_digest: SHA-256 of the face detector's file, empty when there is none.
        recipe: hash over everything that the trained model depends on.
        description: what the report says of the run itself.
    """

    data_fingerprint: str
    rows: int
    weights_digest: str
    face_detector_digest: str
    recipe: str
    description: RunDescription

    def as_values(self) -> dict[str, str]:
        """Returns it as the values that steps are given: texts."""
        return {
            "data_fingerprint": self.data_fingerprint,
            "weights_digest": self.weights_digest,
            "face_detector_digest": self.face_detector_digest,
            "recipe": self.recipe,
            "run_description": json.dumps(self.description.model_dump(), sort_keys=True),
        }


def resolve(
    configuration: dict[str, Any],
    schema_text: str,
    remembered_digests: str | None,
    kind: Kind = RUN,
    metadata_path: str | None = None,
) -> RunInputs:
    """Looks at the data and the weights of a run that is about to begin.

    Args:
        configuration: the run's configuration in full, with the sections `data`, `trainer` and `evaluator`.
        schema_text: the curated age schema.
        remembered_digests: as in `fingerprint.data_fingerprint`.
        kind: `EXPLORE` for a look at the data, which needs no weights.
        metadata_path: the SQLite file of ML Metadata; None where the store is elsewhere.

    Raises:
        BadInput: the label file, the weights file or the face detector can't be used.
    """
    data, trainer = configuration["data"], TrainerSettings.model_validate(configuration["trainer"])
    # Read whole for the fingerprint; its columns are looked at first.
    label_file.read_header(storage.join(data["dir"], features.LABEL_FILE), data["group_column"])
    fingerprinted = fingerprint.data_fingerprint(data["dir"], remembered_digests)
    weights = weights_digest(trainer.weights) if kind == RUN else None
    # In the order in which they divide the hash.
    splits = {split: data["splits"][split] for split in features.SPLITS}
    detector = face_detector_digest(data["face_detector"])
    aligned_by = detector if data["align"] else ""
    grouping = {name: data[name] for name in ("group_column", "near_duplicates")}
    recipe = recipe_digest(
        fingerprinted.content, {**splits, **grouping}, schema_text, trainer, weights, aligned_by, configuration.get("tuner")
    )
    return RunInputs(
        data_fingerprint=fingerprinted.content,
        rows=fingerprinted.rows,
        weights_digest=weights or "",
        face_detector_digest=detector,
        recipe=recipe,
        description=RunDescription(
            kind=kind,
            thresholds=Thresholds.model_validate(configuration["evaluator"]),
            data_fingerprint=fingerprinted.content,
            data_dir=data["dir"],
            metadata_path=metadata_path,
            configuration=configuration,
        ),
    )


def weights_digest(weights: str) -> str | None:
    """Returns the SHA-256 of a weights file, or None for `imagenet` and `none`.

    Raises:
        BadInput: there is no such file.
    """
    if weights in NO_FILE:
        return None
    if not os.path.isfile(weights):
        raise BadInput(
            f"trainer.weights: {weights}: there is no such file. Expected 'imagenet', 'none' or the path of a Keras weights "
            "file (.h5) without the top."
        )
    return _file_digest(weights)


def face_detector_digest(path: str | None) -> str:
    """Returns the SHA-256 of a face detector's file, empty where none is configured.

    Raises:
        BadInput: there is no such file.
    """
    if path is None:
        return ""
    if not os.path.isfile(path):
        raise BadInput(
            f"data.face_detector: {path}: there is no such file. Expected the model file of OpenCV's YuNet, face_detection_yunet_*.onnx."
        )
    return _file_digest(path)


def _file_digest(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def recipe_digest(
    data_fingerprint: str,
    splits: dict[str, Any],
    schema_text: str,
    trainer: TrainerSettings,
    weights: str | None,
    aligned_by: str,
    tuner: dict[str, Any] | None = None,
) -> str:
    """Returns a hash over everything that the trained model depends on: the arguments, and the code and libraries at work here.

    Args:
        data_fingerprint: SHA-256 over labels and images.
        splits: share of each split, and what is kept in one.
        schema_text: the curated age schema.
        trainer: the settings.
        weights: digest of the weights file, or None when there is no file.
        aligned_by: digest of the face detector that photographs are cropped by, or empty.
        tuner: the settings of the search that finds hyperparameters first, or None when there is none.
    """
    recipe: dict[str, Any] = {
        "data": data_fingerprint,
        "splits": splits,
        "schema": schema_text,
        "trainer": trainer.model_dump(exclude={"weights"} if weights else None),
        "weights": weights,
        "aligned_by": aligned_by,
        "code": code_digest.of(*_MODEL_CODE),
    }
    if tuner:
        recipe |= {"tuner": tuner, "tuner_code": code_digest.of("age.model.tuning")}
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()

"""What a trained model depends on, as hashes."""

import dataclasses
import hashlib
import json
import os

from age.dataset import fingerprint
from age.model.settings import TrainerSettings
from schemas.bad_input import BadInput

NO_FILE = ("imagenet", "none")
"""Values of `trainer.weights` that name no file."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a run's model depends on.

    Attributes:
        data_fingerprint: SHA-256 over labels and images.
        rows: number of rows in the label file.
        weights_digest: SHA-256 of the weights file, empty when there is none.
        digest: hash over everything that the trained model depends on.
    """

    data_fingerprint: str
    rows: int
    weights_digest: str
    digest: str


def find_out(
    data_dir: str,
    fingerprint_memory: str | None,
    splits: dict[str, float],
    schema_text: str,
    trainer: TrainerSettings,
    training: bool = True,
) -> Recipe:
    """Finds out what the model of a run depends on.

    Args:
        data_dir: the data directory.
        fingerprint_memory: as in `fingerprint.data_fingerprint`.
        splits: share of each split, in the order in which they divide the hash.
        schema_text: the curated age schema.
        trainer: the settings.
        training: False for a look at the data, which needs no weights.

    Raises:
        BadInput: the label file or the weights file can't be used.
    """
    fingerprinted = fingerprint.data_fingerprint(data_dir, fingerprint_memory)
    weights = weights_digest(trainer.weights) if training else None
    return Recipe(
        data_fingerprint=fingerprinted.content,
        rows=fingerprinted.rows,
        weights_digest=weights or "",
        digest=recipe_digest(fingerprinted.content, splits, schema_text, trainer, weights),
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
    digest = hashlib.sha256()
    with open(weights, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def recipe_digest(
    data_fingerprint: str,
    splits: dict[str, float],
    schema_text: str,
    trainer: TrainerSettings,
    weights: str | None,
) -> str:
    """Returns a hash over everything that the trained model depends on.

    Args:
        data_fingerprint: SHA-256 over labels and images.
        splits: share of each split.
        schema_text: the curated age schema.
        trainer: the settings.
        weights: digest of the weights file, or None when there is no file.
    """
    recipe = {
        "data": data_fingerprint,
        "splits": splits,
        "schema": schema_text,
        "trainer": trainer.model_dump(exclude={"weights"} if weights else None),
        "weights": weights,
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()

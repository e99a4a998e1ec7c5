"""What a run knows of itself before it starts: fingerprints, digests, and which model it has to stand up to."""

import dataclasses
import hashlib
import json
import os
from typing import Optional

from components import storage, verdict
from components.champion import serving_directory
from components.face_example_gen import fingerprint
from pipeline.configuration import Configuration, splits_in_order
from schemas import age_schema
from schemas.bad_input import BadInput


@dataclasses.dataclass(frozen=True)
class RunFacts:
    """What a run knows of itself before it starts.

    Attributes:
        run_id: the run's name.
        kind: `verdict.RUN`, or `verdict.EXPLORE` for a look at the data alone.
        data_fingerprint: SHA-256 over labels and images.
        schema_text: the curated age schema.
        weights_digest: SHA-256 of the weights file, or None; nothing trains in a look at the data.
        recipe: hash over everything that the trained model depends on.
        champion_version: version of the model being served that the candidate is compared with, or 0.
    """

    run_id: str
    kind: str
    data_fingerprint: str
    schema_text: str
    weights_digest: Optional[str]
    recipe: str
    champion_version: int


def _sha256(path: str) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _weights_digest(weights: str) -> Optional[str]:
    if weights in ("imagenet", "none"):
        return None
    if not os.path.isfile(weights):
        raise BadInput(
            f"trainer.weights: {weights}: there is no such file. Expected 'imagenet', 'none' or the path of a Keras weights "
            "file (.h5) without the top."
        )
    return _sha256(weights)


def _schema_text(schema_file: Optional[str]) -> str:
    path = schema_file or str(age_schema.DEFAULT_SCHEMA)
    try:
        text = storage.read_bytes(path).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"data.schema_file: {path}: the schema can't be read: {error}.") from error
    age_schema.parse(text, path)
    return text


def recipe_digest(
    configuration: Configuration, data_fingerprint: str, schema_text: str, weights_digest: Optional[str]
) -> str:
    """Returns a hash over everything that the trained model depends on."""
    recipe = {
        "data": data_fingerprint,
        "splits": splits_in_order(configuration.data.splits),
        "schema": schema_text,
        "trainer": configuration.trainer.model_dump(exclude={"weights"} if weights_digest else None),
        "weights": weights_digest,
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def gather(configuration: Configuration, run_id: str, kind: str = verdict.RUN) -> RunFacts:
    """Finds out what the graph needs to know, without TensorFlow or TFX: what is wrong with the input is said at once.

    Args:
        configuration: what the run shall do; `data.dir` is set.
        run_id: the run's name.
        kind: `verdict.RUN` or `verdict.EXPLORE`.

    Raises:
        BadInput: the label file, the weights file or the schema can't be used.
    """
    workdir, data = configuration.workdir, configuration.data
    fingerprinted = fingerprint.data_fingerprint(data.dir, os.path.join(workdir, "fingerprint.json"))
    schema_text = _schema_text(data.schema_file)
    weights_digest = _weights_digest(configuration.trainer.weights) if kind == verdict.RUN else None
    recipe = recipe_digest(configuration, fingerprinted.content, schema_text, weights_digest)
    champion = serving_directory.champion(configuration.serving_dir, recipe)
    return RunFacts(
        run_id=run_id,
        kind=kind,
        data_fingerprint=fingerprinted.content,
        schema_text=schema_text,
        weights_digest=weights_digest,
        recipe=recipe,
        champion_version=champion.version if champion else 0,
    )

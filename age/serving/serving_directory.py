"""Reads a serving directory: numbered versions of a model, as TensorFlow Serving lays them out."""

import dataclasses
import json

from age import storage

PROVENANCE_FILE = "provenance.json"
EXTRA_ASSETS = "assets.extra"


@dataclasses.dataclass(frozen=True)
class ServedModel:
    """A version in the serving directory.

    Attributes:
        version: the directory's number.
        path: the directory.
        recipe: what the model was made from (see `recipe_digest` in the pipeline), or None for a model that some other
            program put there.
    """

    version: int
    path: str
    recipe: str | None


def _recipe(path: str) -> str | None:
    try:
        provenance = json.loads(storage.read_bytes(storage.join(path, EXTRA_ASSETS, PROVENANCE_FILE)))
    except (OSError, ValueError):
        return None
    recipe = provenance.get("recipe") if isinstance(provenance, dict) else None
    return recipe if isinstance(recipe, str) else None


def served_models(serving_dir: str) -> list[ServedModel]:
    """Returns the complete versions in `serving_dir`, newest first; none when the directory does not exist.

    What is not named by a number or holds no SavedModel (such as a version that is just being copied) is passed over, as
    TensorFlow Serving does.
    """
    versions = []
    for name in storage.list_directory(serving_dir):
        path = storage.join(serving_dir, name)
        if name.isascii() and name.isdigit() and storage.exists(storage.join(path, "saved_model.pb")):
            versions.append(ServedModel(version=int(name), path=path, recipe=_recipe(path)))
    return sorted(versions, key=lambda served: served.version, reverse=True)


def champion(serving_dir: str, recipe: str) -> ServedModel | None:
    """Returns the model that a candidate has to stand up to, or None when there is none.

    That is the newest version being served which was not made from the candidate's own recipe: a rerun with nothing
    changed yields the model that it pushed before, and comparing that with itself would say nothing.
    """
    for served in served_models(serving_dir):
        if served.recipe is None or served.recipe != recipe:
            return served
    return None

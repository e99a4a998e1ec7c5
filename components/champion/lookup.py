"""Asks the serving directory which models a candidate has to stand up to."""

from typing import Any

from tfx.types import artifact_utils
from tfx.utils import path_utils

from age.serving.model_digest import content_digest
from age.serving.serving_directory import ServingDirectory
from components import run_parameters


def look_up(input_dict: dict[str, list], exec_properties: dict[str, Any]) -> dict[str, int | str]:
    """Returns, under the names of Champion's outputs, what the candidate among the inputs of an execution is compared with.

    Raises:
        BadInput: the serving directory is not named.
    """
    run_parameters.require_text(serving_dir=exec_properties["serving_dir"])
    candidate = content_digest(path_utils.serving_model_dir(artifact_utils.get_single_uri(input_dict["model"])))
    directory = ServingDirectory(exec_properties["serving_dir"])
    champion = directory.champion(candidate)
    best = directory.best(candidate, champion)
    return {
        "version": champion.version,
        "digest": champion.digest,
        "best_version": best.version,
        "best_digest": best.digest,
    }

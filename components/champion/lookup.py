"""Asks the serving directory which model a candidate has to stand up to."""

from typing import Any

from tfx.types import artifact_utils
from tfx.utils import path_utils

from age.serving.model_digest import content_digest
from age.serving.serving_directory import Champion, ServingDirectory
from components import run_parameters


def look_up(input_dict: dict[str, list], exec_properties: dict[str, Any]) -> Champion:
    """Returns the champion of the candidate among the inputs of an execution.

    Raises:
        BadInput: the serving directory is not named.
    """
    run_parameters.require_text(serving_dir=exec_properties["serving_dir"])
    candidate = path_utils.serving_model_dir(artifact_utils.get_single_uri(input_dict["model"]))
    return ServingDirectory(exec_properties["serving_dir"]).champion(content_digest(candidate))

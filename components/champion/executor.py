"""The work of Champion."""

import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from age import storage
from schemas.bad_input import BadInput

VERSION_PROPERTY = "served_version"


class Executor(base_executor.BaseExecutor):
    """Links or copies the champion into the run."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Publishes the served version, or an empty artifact for version 0.

        Raises:
            BadInput: the version is not in the serving directory any more.
        """
        model = artifact_utils.get_single_instance(output_dict["model"])
        version = exec_properties["version"]
        model.set_int_custom_property(VERSION_PROPERTY, version)
        if not version:
            return
        source = os.path.join(exec_properties["serving_dir"], str(version))
        if not storage.is_directory(source):
            raise BadInput(
                f"{source}: version {version} was being served when the run began and is gone now. Start the run again."
            )
        storage.link_or_copy_tree(source, path_utils.serving_model_dir(model.uri))

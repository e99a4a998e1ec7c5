"""The work of Champion."""

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age.serving.serving_directory import Champion
from components.champion import driver, lookup


class Executor(base_executor.BaseExecutor):
    """Publishes what the driver found; on Kubeflow, which has no drivers, it looks itself."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes the version and the digest of the model to compare with.

        Raises:
            BadInput: the serving directory is not named.
        """
        if driver.VERSION in exec_properties:
            found = Champion(exec_properties[driver.VERSION], exec_properties[driver.DIGEST])
        else:
            found = lookup.look_up(input_dict, exec_properties)
        artifact_utils.get_single_instance(output_dict["version"]).value = found.version
        artifact_utils.get_single_instance(output_dict["digest"]).value = found.digest
        logging.info("The champion is version %d, %s.", found.version, found.digest or "nothing")

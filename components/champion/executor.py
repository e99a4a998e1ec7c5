"""The work of Champion."""

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components.champion import driver, lookup


class Executor(base_executor.BaseExecutor):
    """Publishes what the driver found; on Kubeflow, which has no drivers, it looks itself."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes versions and digests of the models to compare with.

        Raises:
            BadInput: the serving directory is not named.
        """
        found = {name: exec_properties[driver.FOUND + name] for name in output_dict if driver.FOUND + name in exec_properties}
        found = found or lookup.look_up(input_dict, exec_properties)
        for name, artifacts in output_dict.items():
            artifact_utils.get_single_instance(artifacts).value = found[name]
        logging.info("The champion is version %d, %s.", found["version"], found["digest"] or "nothing")

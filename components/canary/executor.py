"""The work of Canary."""

import os

from absl import logging
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from age import progress, storage
from age.evaluation import measured_photographs
from age.serving import canary
from components import canary_result

BLESSED_FILE, NOT_BLESSED_FILE = "INFRA_BLESSED", "INFRA_NOT_BLESSED"
"""As InfraValidator names them; that module imports clients of Docker and Kubernetes."""


class Executor(base_executor.BaseExecutor):
    """Asks the exported model, and compares what it answers with what the evaluation measured."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Gives the infrastructure's blessing to a model that answers in a process of its own as it was measured.

        Raises:
            BadInput: there is no such server as the configuration names.
            CanaryUnfinished: the process took too long or was killed.
        """
        single = {name: artifact_utils.get_single_instance(artifacts) for name, artifacts in input_dict.items()}
        infra_blessing = artifact_utils.get_single_instance(output_dict["infra_blessing"])
        infra_blessing.set_int_custom_property("blessed", 0)
        if not model_utils.is_model_blessed(single["model_blessing"]):
            progress.conclude("model not blessed, and so not asked")
            return
        photographs = measured_photographs.read(single["evaluation"].uri)
        result = canary.ask(
            path_utils.serving_model_dir(single["model"].uri),
            photographs,
            timeout=exec_properties["timeout"],
            server=exec_properties["model_server"] or None,
        )
        storage.make_directory(infra_blessing.uri)
        canary_result.write(infra_blessing.uri, result)
        infra_blessing.set_int_custom_property("blessed", int(result.passed))
        storage.write_text(os.path.join(infra_blessing.uri, BLESSED_FILE if result.passed else NOT_BLESSED_FILE), "")
        logging.info("The canary: %s", result.model_dump())
        if not result.passed:
            progress.conclude("exported model refused")

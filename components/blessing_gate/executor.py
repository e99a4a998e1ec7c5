"""The work of BlessingGate."""

import json
import os

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age import storage
from schemas import verdict
from schemas.bad_input import BadInput


class Executor(base_executor.BaseExecutor):
    """Reads the verdict."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Does nothing for a blessed model.

        Raises:
            BadInput: the model was not blessed; the message has every reason.
        """
        report = artifact_utils.get_single_uri(input_dict["report"])
        found = json.loads(storage.read_bytes(os.path.join(report, verdict.BLESSING_FILE)))
        if not found["blessed"]:
            raise BadInput(
                "NOT BLESSED. The model must not serve:\n"
                + "\n".join(f"  - {reason}" for reason in found["reasons"])
                + f"\nReport: {found['paths'].get('report')}"
            )
        logging.info("BLESSED: version %s of %s", found["model_version"], found["paths"].get("model"))

"""The work of BlessingGate."""

import os

from absl import logging
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age import storage
from schemas.bad_input import BadInput
from schemas.verdict import BLESSING_FILE, Verdict


class Executor(base_executor.BaseExecutor):
    """Reads the verdict."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Does nothing for a blessed model.

        Raises:
            BadInput: the model was not blessed; the message has every reason.
        """
        report = artifact_utils.get_single_uri(input_dict["report"])
        verdict = Verdict.from_json(storage.read_bytes(os.path.join(report, BLESSING_FILE)))
        if not verdict.blessed:
            raise BadInput(
                "NOT BLESSED. The model must not serve:\n"
                + "\n".join(f"  - {reason}" for reason in verdict.reasons)
                + f"\nReport: {verdict.paths.report}"
            )
        logging.info("BLESSED: version %s of %s", verdict.model_version, verdict.paths.model)

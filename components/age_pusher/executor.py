"""The work of Pusher."""

import os

from absl import logging
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import path_utils

from age import storage
from age.serving import approval, serving_directory
from components import run_parameters
from schemas.verdict import BLESSING_FILE, Verdict

PUSHED_FILE = "pushed.txt"


class Executor(base_executor.BaseExecutor):
    """Asks the serving directory to publish the model."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Publishes a blessed model as a new version of the serving directory, or keeps it there until a person approves it.

        Raises:
            BadInput: the serving directory is not named or can't be written, or another model is being served than the one
                that the candidate was compared with.
        """
        run_parameters.require_text(serving_dir=exec_properties["serving_dir"])
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        pushed.set_int_custom_property("pushed", 0)
        if not model_utils.is_model_blessed(artifact_utils.get_single_instance(input_dict["model_blessing"])):
            return
        if not model_utils.is_infra_validated(artifact_utils.get_single_instance(input_dict["infra_blessing"])):
            return
        directory = serving_directory.ServingDirectory(exec_properties["serving_dir"])
        compared_with = serving_directory.Champion(exec_properties["champion_version"], exec_properties["champion_digest"])
        model = path_utils.serving_model_dir(artifact_utils.get_single_uri(input_dict["model"]))
        run_id = exec_properties["run_id"]
        verdict = Verdict.from_json(
            storage.read_bytes(os.path.join(artifact_utils.get_single_uri(input_dict["verdict"]), BLESSING_FILE))
        )
        mae = verdict.metrics.mae if verdict.metrics else None
        publication: serving_directory.Publication | None
        try:
            if exec_properties["approval"] == approval.MANUAL:
                publication = directory.hold(
                    model, compared_with, run_id, os.path.join(exec_properties["report_dir"], run_id), mae=mae
                )
            else:
                publication = directory.publish(model, compared_with=compared_with, run=run_id, mae=mae)
        except serving_directory.Withdrawn as withdrawn:
            pushed.set_string_custom_property("refusal", str(withdrawn))
            logging.warning("%s", withdrawn)
            return
        if publication is None:
            logging.info("The model waits for approval in %s.", directory.path)
            pushed.set_int_custom_property("waiting", 1)
            return
        served = publication.served
        logging.info("%s: %s.", served.path, "published" if publication.new else "is being served already")
        pushed.set_int_custom_property("pushed", 1)
        pushed.set_string_custom_property("pushed_destination", served.path)
        pushed.set_string_custom_property("pushed_version", str(served.version))
        storage.make_directory(pushed.uri)
        storage.write_text(os.path.join(pushed.uri, PUSHED_FILE), f"{served.path}\n")

"""The work of DataReport."""

import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age.reporting import page, verdicts
from components import stages
from schemas.run_description import RunDescription


class Executor(base_executor.BaseExecutor):
    """Gathers what FaceExampleGen found."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes `blessing.json` and `report.html` into the run's report folder and into the artifact."""
        run = RunDescription.model_validate_json(exec_properties["run_description"])
        run_id = exec_properties["run_id"]
        directory = os.path.join(exec_properties["report_dir"], run_id)
        verdict = verdicts.of_data(
            run,
            run_id,
            rejects=artifact_utils.get_single_uri(input_dict["rejects"]),
            examples=artifact_utils.get_single_uri(input_dict["examples"]),
            report=os.path.join(directory, page.REPORT_FILE),
            stages=stages.read(run.metadata_path, run_id),
        )
        page.write(verdict, directory, artifact_utils.get_single_uri(output_dict["report"]))

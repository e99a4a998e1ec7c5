"""The work of DataReport."""

import json
import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age.dataset import data_facts
from age.reporting import page
from components import stages
from schemas import verdict


class Executor(base_executor.BaseExecutor):
    """Gathers what FaceExampleGen found."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes `blessing.json` and `report.html` into the run's report folder and into the artifact."""
        run_facts = json.loads(exec_properties["run_facts"])
        rejects = artifact_utils.get_single_uri(input_dict["rejects"])
        directory = os.path.join(exec_properties["report_dir"], exec_properties["run_id"])
        made = verdict.make(
            run_id=exec_properties["run_id"],
            blessed=None,
            reasons=[],
            data=data_facts.read(rejects, run_facts.get("data_dir")),
            run_facts=run_facts,
            stages=stages.read(run_facts.get("metadata_path"), exec_properties["run_id"]),
            paths={
                "rejects": os.path.join(rejects, data_facts.REJECTS_FILE),
                "examples": artifact_utils.get_single_uri(input_dict["examples"]),
                "report": os.path.join(directory, page.REPORT_FILE),
            },
        )
        page.write(made, directory, artifact_utils.get_single_uri(output_dict["report"]))

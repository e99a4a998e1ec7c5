"""The work of DataReport."""

import json
import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components import data_facts, verdict
from components.report import page


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
            paths={
                "rejects": os.path.join(rejects, data_facts.REJECTS_FILE),
                "examples": artifact_utils.get_single_uri(input_dict["examples"]),
                "report": os.path.join(directory, page.REPORT_FILE),
            },
        )
        page.write(made, directory, artifact_utils.get_single_uri(output_dict["report"]))

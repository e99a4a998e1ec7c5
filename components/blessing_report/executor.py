"""The work of BlessingReport."""

import json
import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age import storage
from age.evaluation import evaluation_result
from age.reporting import model_card, page, verdicts
from components import stages
from schemas import features
from schemas.run_description import RunDescription


class Executor(base_executor.BaseExecutor):
    """Gathers what the other steps found."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes `blessing.json` and `report.html` into the run's report folder and into the artifact."""
        single = {name: artifact_utils.get_single_instance(artifacts) for name, artifacts in input_dict.items()}
        run = RunDescription.model_validate_json(exec_properties["run_description"])
        run_id = exec_properties["run_id"]
        directory = os.path.join(exec_properties["report_dir"], run_id)
        pushed = single["pushed_model"]
        was_pushed = pushed.get_int_custom_property("pushed") == 1
        verdict = verdicts.of_model(
            run,
            run_id,
            evaluation_result.read(single["evaluation"].uri),
            rejects=single["rejects"].uri,
            examples=single["examples"].uri,
            attributes=json.loads(single["examples"].get_string_custom_property(features.ATTRIBUTES_PROPERTY)),
            evaluation=single["evaluation"].uri,
            history=os.path.join(single["model_run"].uri, "history.json"),
            report=os.path.join(directory, page.REPORT_FILE),
            stages=stages.read(run.metadata_path, run_id),
            champion_version=exec_properties["champion_version"],
            pushed_version=pushed.get_string_custom_property("pushed_version") if was_pushed else None,
            pushed_model=pushed.get_string_custom_property("pushed_destination") if was_pushed else None,
            refusal=pushed.get_string_custom_property("refusal"),
        )
        paths = verdict.paths.model_copy(update={"model_card": model_card.write(verdict)})
        report = artifact_utils.get_single_uri(output_dict["report"])
        page.write(verdict.model_copy(update={"paths": paths}), directory, report)
        html = artifact_utils.get_single_instance(output_dict["page"])
        storage.make_directory(html.uri)
        html.uri = os.path.join(html.uri, "page.html")
        storage.write_text(html.uri, storage.read_bytes(os.path.join(report, page.REPORT_FILE)).decode())

"""The work of BlessingReport."""

import json
import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from components import report_page, storage, verdict
from components.age_evaluator import evaluation_result


def _pushed(artifact):
    """Returns `(version, path)` of the pushed model, or two Nones."""
    if artifact.get_int_custom_property("pushed") != 1:
        return None, None
    return (
        artifact.get_string_custom_property("pushed_version"),
        artifact.get_string_custom_property("pushed_destination"),
    )


class Executor(base_executor.BaseExecutor):
    """Gathers what the other steps found."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes `blessing.json` and `report.html` into the run's report folder and into the artifact."""
        single = {name: artifact_utils.get_single_instance(artifacts) for name, artifacts in input_dict.items()}
        counts = json.loads(storage.read_bytes(os.path.join(single["rejects"].uri, "counts.json")))
        training = json.loads(storage.read_bytes(os.path.join(single["model_run"].uri, "history.json")))
        result = evaluation_result.read(single["evaluation"].uri)
        small = exec_properties["min_slice_examples"]
        slices = [{**entry, "small": entry["example_count"] < small} for entry in result.slices]
        champion_version = single["champion"].get_int_custom_property("served_version")
        model_version, model_path = _pushed(single["pushed_model"])
        directory = os.path.join(exec_properties["report_dir"], exec_properties["run_id"])
        made = verdict.make(
            run_id=exec_properties["run_id"],
            blessed=result.validation_ok,
            reasons=result.reasons,
            counts=counts,
            run_facts=json.loads(exec_properties["run_facts"]),
            metrics=result.metrics,
            champion=(
                {"version": champion_version, "metrics": result.champion_metrics} if champion_version else None
            ),
            slices=slices,
            model_version=model_version,
            training=training,
            paths={
                "model": model_path,
                "rejects": storage.published_uri(os.path.join(single["rejects"].uri, "rejects.csv")),
                "evaluation": storage.published_uri(single["evaluation"].uri),
                "report": os.path.join(directory, report_page.REPORT_FILE),
            },
        )
        report_page.write(made, directory)
        report = artifact_utils.get_single_uri(output_dict["report"])
        report_page.write(made, report)
        page = artifact_utils.get_single_instance(output_dict["page"])
        storage.make_directory(page.uri)
        page.uri = os.path.join(page.uri, "page.html")
        storage.write_text(page.uri, storage.read_bytes(os.path.join(report, report_page.REPORT_FILE)).decode())

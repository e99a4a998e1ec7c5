"""The work of BlessingReport."""

import json
import os

from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils

from age import storage
from age.dataset import data_facts
from age.evaluation import evaluation_result, prediction_errors, predictions_file
from age.reporting import model_card, page
from components import stages
from schemas import features, verdict


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
        run_facts = json.loads(exec_properties["run_facts"])
        data = data_facts.read(single["rejects"].uri, run_facts.get("data_dir"))
        training = json.loads(storage.read_bytes(os.path.join(single["model_run"].uri, "history.json")))
        result = evaluation_result.read(single["evaluation"].uri)

        predictions_path = os.path.join(single["evaluation"].uri, predictions_file.PREDICTIONS_FILE)
        attributes = json.loads(single["examples"].get_string_custom_property(features.ATTRIBUTES_PROPERTY))
        predictions = predictions_file.read(predictions_path, attributes)
        errors = prediction_errors.SliceErrors(predictions)
        small = exec_properties["min_slice_examples"]
        slices = prediction_errors.with_intervals(
            [{**entry, "small": entry["example_count"] < small} for entry in result.slices], errors
        )

        champion_version = exec_properties["champion_version"]
        model_version, model_path = _pushed(single["pushed_model"])
        directory = os.path.join(exec_properties["report_dir"], exec_properties["run_id"])
        made = verdict.make(
            run_id=exec_properties["run_id"],
            blessed=result.validation_ok,
            reasons=result.reasons,
            data=data,
            run_facts=run_facts,
            stages=stages.read(run_facts.get("metadata_path"), exec_properties["run_id"]),
            metrics={**result.metrics, "mae_interval": prediction_errors.mae_interval(errors.errors)},
            mean_age_mae=prediction_errors.mean_age_mae(predictions, data["ages"][features.TRAIN]["mean"]),
            champion=({"version": champion_version, "metrics": result.champion_metrics} if champion_version else None),
            slices=slices,
            weakest_slices=prediction_errors.weakest_slices(slices, result.metrics["mae"]),
            model_version=model_version,
            training=training,
            paths={
                "model": model_path,
                "rejects": os.path.join(single["rejects"].uri, data_facts.REJECTS_FILE),
                "examples": single["examples"].uri,
                "evaluation": single["evaluation"].uri,
                "predictions": predictions_path,
                "report": os.path.join(directory, page.REPORT_FILE),
            },
        )
        made["paths"]["model_card"] = model_card.write(made)
        report = artifact_utils.get_single_uri(output_dict["report"])
        page.write(made, directory, report)
        html = artifact_utils.get_single_instance(output_dict["page"])
        storage.make_directory(html.uri)
        html.uri = os.path.join(html.uri, "page.html")
        storage.write_text(html.uri, storage.read_bytes(os.path.join(report, page.REPORT_FILE)).decode())

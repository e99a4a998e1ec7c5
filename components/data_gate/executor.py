"""The work of DataGate."""

import json
import os

from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from age import storage
from age.dataset import data_facts, gate
from age.reporting import page, verdicts
from components import stages, statistics
from components.artifacts import EXAMPLES_PROPERTY
from schemas.bad_input import BadInput
from schemas.run_description import RunDescription

GATE_REPORT_FILE = "data_gate.json"


class Executor(base_executor.BaseExecutor):
    """Checks what earlier steps found and stops the run, or lets it go on."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes `data_gate.json`, or fails.

        Raises:
            BadInput: the data are not what the schema and the configuration allow; the message has every reason.
        """
        counts = data_facts.read_counts(artifact_utils.get_single_uri(input_dict["rejects"]))
        schema_dir = artifact_utils.get_single_uri(input_dict["schema"])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_dir))
        by_split = statistics.by_split(input_dict["statistics"])
        anomalies = {split: self._anomalies(input_dict["anomalies"], split) for split in by_split if counts.splits.get(split)}
        findings = gate.check(counts, by_split, anomalies, schema, exec_properties["max_reject_fraction"])
        if findings.reasons:
            self._stop(findings, input_dict, exec_properties)
        passed = {"passed": True, "counts": counts.model_dump(), "split_sizes": gate.split_sizes(by_split)}
        gate_report = os.path.join(artifact_utils.get_single_uri(output_dict["gate_report"]), GATE_REPORT_FILE)
        storage.write_text(gate_report, json.dumps(passed, indent=2))

    def _anomalies(self, artifacts, split):
        path = os.path.join(artifact_utils.get_split_uri(artifacts, split), "SchemaDiff.pb")
        return anomalies_pb2.Anomalies.FromString(storage.read_bytes(path))

    def _stop(self, findings, input_dict, exec_properties):
        run_id = exec_properties["run_id"] or self._context.pipeline_run_id
        run = RunDescription.model_validate_json(exec_properties["run_description"])
        directory = os.path.join(exec_properties["report_dir"], run_id)
        rejects = artifact_utils.get_single_instance(input_dict["rejects"])
        verdict = verdicts.of_data(
            run,
            run_id,
            rejects=rejects.uri,
            examples=rejects.get_string_custom_property(EXAMPLES_PROPERTY) or None,
            report=os.path.join(directory, page.REPORT_FILE),
            stages=stages.read(run.metadata_path, run_id),
            stopped_by="DataGate",
            reasons=findings.reasons,
            anomalies=findings.anomalies,
        )
        page.write(verdict, directory)
        raise BadInput(
            "The data gate stopped the run before training:\n"
            + "\n".join(f"  - {reason}" for reason in findings.reasons)
            + f"\nEvery rejected row with its reason: {storage.published_uri(verdict.paths.rejects)}\n"
            f"Report: {verdict.paths.report}\n"
            "Mend the data, or change the schema or data.max_reject_fraction if they are right."
        )

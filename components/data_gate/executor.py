"""The work of DataGate."""

import json
import os
from typing import Any

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_executor
from tfx.types import artifact_utils
from tfx.utils import io_utils

from age import storage
from age.dataset import anomalies_in_words, data_facts
from age.reporting import page
from components import stages
from components.artifacts import EXAMPLES_PROPERTY
from schemas import features, verdict
from schemas.bad_input import BadInput

GATE_REPORT_FILE = "data_gate.json"

MIN_EXAMPLES_FOR_SKEW = 30
"""Below this many examples in a split, two samples of the same distribution differ too much for a comparison to mean
anything: with ten bins the Jensen-Shannon divergence of equal distributions is then about 0.05 on average."""

_SKEW_REASONS = frozenset(
    {
        anomalies_pb2.AnomalyInfo.COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
        anomalies_pb2.AnomalyInfo.COMPARATOR_L_INFTY_HIGH,
    }
)

_WITHOUT_IMAGE = frozenset({"missing_file", "malformed_row", "unsafe_file_name", "age_not_a_number", "age_out_of_range"})
"""Reasons for which no image was ever read."""


def _reject_problems(counts: dict, max_reject_fraction: float) -> list[str]:
    rows, rejected = counts["rows"], counts["rejected"]
    if not rows:
        return ["The label file has a header and no rows; expected one row for each image."]
    if rejected <= max_reject_fraction * rows:
        return []
    reasons = ", ".join(
        f"{number} {reason.replace('_', ' ')}"
        for reason, number in sorted(counts["rejects"].items(), key=lambda item: -item[1])
    )
    problems = [
        f"{rejected} of {rows} rows ({rejected / rows:.1%}) were rejected ({reasons}); allowed is "
        f"{max_reject_fraction:.1%} (data.max_reject_fraction)."
    ]
    if counts["rejects"].get("missing_file") and set(counts["rejects"]) <= _WITHOUT_IMAGE and rejected == rows:
        problems.append(
            "Every image is missing: not one of the file names was found in the data directory. Put the images there, or in "
            "its final_files/ or images/."
        )
    return problems


def _split_sizes(statistics: dict) -> dict[str, int]:
    return {split: proto.datasets[0].num_examples if proto.datasets else 0 for split, proto in statistics.items()}


def _skew_problems(statistics: dict, schema) -> list[str]:
    """Compares every other split with the training split, by the schema's skew comparators."""
    sizes = _split_sizes(statistics)
    if sizes.get(features.TRAIN, 0) < MIN_EXAMPLES_FOR_SKEW:
        return []
    problems = []
    for split in statistics:
        if split == features.TRAIN or sizes[split] < MIN_EXAMPLES_FOR_SKEW:
            continue
        found = tfdv.validate_statistics(statistics[features.TRAIN], schema, serving_statistics=statistics[split])
        for name, info in sorted(found.anomaly_info.items()):
            for reason in info.reason:
                if reason.type in _SKEW_REASONS:
                    # TFDV calls the two sides training and serving; here they are two splits.
                    text = reason.description.replace("training and serving", f"{features.TRAIN} and {split}")
                    problems.append(f"{name} ({features.TRAIN} against {split} split): {text.strip()}")
    return problems


class Executor(base_executor.BaseExecutor):
    """Checks what earlier steps found and stops the run, or lets it go on."""

    def Do(self, input_dict, output_dict, exec_properties):
        """Writes `data_gate.json`, or fails.

        Raises:
            BadInput: the data are not what the schema and the configuration allow; the message has every reason.
        """
        rejects = artifact_utils.get_single_instance(input_dict["rejects"])
        counts = data_facts.read_counts(rejects.uri)
        statistics_artifact = artifact_utils.get_single_instance(input_dict["statistics"])
        anomalies_artifact = artifact_utils.get_single_instance(input_dict["anomalies"])
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["schema"]))
        )
        splits = artifact_utils.decode_split_names(statistics_artifact.split_names)
        statistics = {split: stats_artifact_utils.load_statistics(statistics_artifact, split).proto() for split in splits}

        reasons = _reject_problems(counts, exec_properties["max_reject_fraction"])
        empty = [split for split in splits if not counts["splits"].get(split)]
        reasons.extend(
            f"The {split} split holds no examples ({counts['used']} usable rows in all); every split needs some."
            for split in empty
        )
        anomalies = []
        for split in splits:
            if split in empty:
                continue
            found = anomalies_pb2.Anomalies()
            found.ParseFromString(
                storage.read_bytes(os.path.join(artifact_utils.get_split_uri([anomalies_artifact], split), "SchemaDiff.pb"))
            )
            anomalies.extend(anomalies_in_words.in_words(found, schema, split))
        if not empty:
            anomalies.extend(_skew_problems(statistics, schema))

        if reasons or anomalies:
            self._stop([*reasons, *anomalies], anomalies, input_dict, exec_properties)
        storage.write_text(
            os.path.join(artifact_utils.get_single_uri(output_dict["gate_report"]), GATE_REPORT_FILE),
            json.dumps({"passed": True, "counts": counts, "split_sizes": _split_sizes(statistics)}, indent=2),
        )

    def _stop(self, reasons, anomalies, input_dict, exec_properties):
        run_id = exec_properties["run_id"] or self._context.pipeline_run_id
        run_facts: dict[str, Any] = json.loads(exec_properties["run_facts"])
        directory = os.path.join(exec_properties["report_dir"], run_id)
        rejects = artifact_utils.get_single_instance(input_dict["rejects"])
        paths = {
            "rejects": os.path.join(rejects.uri, data_facts.REJECTS_FILE),
            "report": os.path.join(directory, page.REPORT_FILE),
            "examples": rejects.get_string_custom_property(EXAMPLES_PROPERTY) or None,
        }
        stopped = verdict.stopped_by_data_gate(
            run_id=run_id,
            reasons=reasons,
            data=data_facts.read(rejects.uri, run_facts.get("data_dir"), anomalies),
            run_facts=run_facts,
            paths=paths,
            stages=stages.read(run_facts.get("metadata_path"), run_id),
        )
        page.write(stopped, directory)
        raise BadInput(
            "The data gate stopped the run before training:\n"
            + "\n".join(f"  - {reason}" for reason in reasons)
            + f"\nEvery rejected row with its reason: {storage.published_uri(paths['rejects'])}\nReport: {paths['report']}\n"
            "Mend the data, or change the schema or data.max_reject_fraction if they are right."
        )

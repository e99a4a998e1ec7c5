"""What a run knows of its data: the `data` key of a verdict, read from what FaceExampleGen wrote."""

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from age import storage
from age.dataset import age_statistics
from schemas import features

COUNTS_FILE = "counts.json"
SUMMARY_FILE = "summary.json"
REJECTS_FILE = "rejects.csv"
EXAMPLES_OF_A_REASON = 5
_FIELD_LENGTH = 300

LABELS = "labels"
"""Key of the ages of all rows whose age the schema allows, whatever became of their images."""


def read_counts(rejects_uri: str) -> dict[str, Any]:
    """Returns what became of the rows: `rows`, `used`, `rejected`, `duplicates`, `splits`, `rejects` by reason."""
    return json.loads(storage.read_bytes(storage.join(rejects_uri, COUNTS_FILE)))


def read_attribute_names(rejects_uri: str) -> list[str]:
    """Returns the attribute columns of the examples, in alphabetical order; none when there are no examples."""
    return sorted(json.loads(storage.read_bytes(storage.join(rejects_uri, SUMMARY_FILE)))["attributes"])


def _age_counts(summary: dict[str, Any]) -> dict[str, age_statistics.AgeCounts]:
    return {
        where: age_statistics.AgeCounts.from_mapping(summary["ages"].get(where, {})) for where in (LABELS, *features.SPLITS)
    }


def _reject_examples(path: str) -> list[dict[str, Any]]:
    """Returns the first rows of each reason, in the label file's order; the file itself has no order."""
    kept: dict[str, list[dict[str, Any]]] = {}
    with storage.open_binary(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            row = {name: value[:_FIELD_LENGTH] for name, value in row.items()}
            row["line"] = int(row["line"])
            of_reason = kept.setdefault(row["reason"], [])
            if len(of_reason) < EXAMPLES_OF_A_REASON or row["line"] < of_reason[-1]["line"]:
                of_reason.append(row)
                of_reason.sort(key=lambda one: one["line"])
                del of_reason[EXAMPLES_OF_A_REASON:]
    return [row for _, rows in sorted(kept.items()) for row in rows]


def read(rejects_uri: str, directory: str | None, anomalies: Iterable[str] = ()) -> dict[str, Any]:
    """Returns the `data` key of a verdict.

    Args:
        rejects_uri: uri of FaceExampleGen's `Rejects`.
        directory: the data directory.
        anomalies: what DataGate found against the schema, in sentences.
    """
    summary = json.loads(storage.read_bytes(storage.join(rejects_uri, SUMMARY_FILE)))
    counted = _age_counts(summary)
    edges = age_statistics.bin_edges(counted.values())
    return {
        "directory": directory,
        **read_counts(rejects_uri),
        "ages": {where: age_statistics.describe(ages, edges) for where, ages in counted.items()},
        "sizes": summary["sizes"],
        "brightness": summary["brightness"],
        "attributes": summary["attributes"],
        "reject_examples": _reject_examples(storage.join(rejects_uri, REJECTS_FILE)),
        "anomalies": list(anomalies),
    }

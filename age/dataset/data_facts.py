"""What the data of a run are like: the `data` key of a verdict, read from what FaceExampleGen wrote."""

import csv
import io
import itertools
import json
from collections.abc import Iterable
from typing import Any

from age import spreadsheet_cells, storage
from age.dataset import age_statistics
from schemas import features
from schemas.verdict import Data, NearDuplicatePair, RejectedRow, RowCounts

COUNTS_FILE = "counts.json"
SUMMARY_FILE = "summary.json"
REJECTS_FILE = "rejects.csv"
NEAR_DUPLICATES_FILE = "near_duplicates.csv"
NEAR_DUPLICATE_COLUMNS = (
    "file_name",
    "real_age",
    "other_file_name",
    "other_real_age",
    "differing_bits",
    "mirrored",
    "apart",
)
EXAMPLES_OF_A_REASON = 5
EXAMPLES_OF_NEAR_DUPLICATES = 10
_FIELD_LENGTH = 300

LABELS = "labels"
"""Key of the ages of all rows whose age the schema allows, whatever became of their images."""


def read_counts(rejects_uri: str) -> RowCounts:
    """Returns what became of the rows."""
    return RowCounts.model_validate(json.loads(storage.read_bytes(storage.join(rejects_uri, COUNTS_FILE))))


def read_attribute_names(rejects_uri: str) -> list[str]:
    """Returns the attribute columns of the examples, in alphabetical order; none when there are no examples."""
    return sorted(json.loads(storage.read_bytes(storage.join(rejects_uri, SUMMARY_FILE)))["attributes"])


def _age_counts(summary: dict[str, Any]) -> dict[str, age_statistics.AgeCounts]:
    return {
        where: age_statistics.AgeCounts.from_mapping(summary["ages"].get(where, {})) for where in (LABELS, *features.SPLITS)
    }


def _reject_examples(path: str) -> list[RejectedRow]:
    """Returns the first rows of each reason, in the label file's order; the file itself has no order."""
    kept: dict[str, list[RejectedRow]] = {}
    with storage.open_binary(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        for fields in csv.DictReader(text):
            line, of_reason = int(fields["line"]), kept.setdefault(fields["reason"], [])
            if len(of_reason) < EXAMPLES_OF_A_REASON or line < of_reason[-1].line:
                shortened = {name: spreadsheet_cells.original(value)[:_FIELD_LENGTH] for name, value in fields.items()}
                of_reason.append(RejectedRow.model_validate({**shortened, "line": line}))
                of_reason.sort(key=lambda one: one.line)
                del of_reason[EXAMPLES_OF_A_REASON:]
    return [row for _, rows in sorted(kept.items()) for row in rows]


def _near_duplicate_examples(path: str) -> list[NearDuplicatePair]:
    """Returns the first pairs of a file of near-duplicates."""
    with storage.open_binary(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        return [
            NearDuplicatePair(
                file_name=spreadsheet_cells.original(fields["file_name"])[:_FIELD_LENGTH],
                real_age=float(fields["real_age"]),
                other_file_name=spreadsheet_cells.original(fields["other_file_name"])[:_FIELD_LENGTH],
                other_real_age=float(fields["other_real_age"]),
                differing_bits=int(fields["differing_bits"]),
                mirrored=fields["mirrored"] == "yes",
                apart=fields["apart"] == "yes",
            )
            for fields in itertools.islice(csv.DictReader(text), EXAMPLES_OF_NEAR_DUPLICATES)
        ]


def read(rejects_uri: str, directory: str | None, anomalies: Iterable[str] = ()) -> Data:
    """Returns what a verdict says of the data.

    Args:
        rejects_uri: uri of FaceExampleGen's `Rejects`.
        directory: the data directory.
        anomalies: what DataGate found against the schema, in sentences.
    """
    summary = json.loads(storage.read_bytes(storage.join(rejects_uri, SUMMARY_FILE)))
    counted = _age_counts(summary)
    edges = age_statistics.bin_edges(counted.values())
    content = {
        **read_counts(rejects_uri).model_dump(),
        "directory": directory,
        "sizes": summary["sizes"],
        "brightness": summary["brightness"],
        "attributes": summary["attributes"],
        "ages": {where: age_statistics.describe(ages, edges) for where, ages in counted.items()},
        "reject_examples": _reject_examples(storage.join(rejects_uri, REJECTS_FILE)),
        "anomalies": list(anomalies),
        "near_duplicates": summary.get("near_duplicates"),
        "groups": summary.get("groups"),
    }
    if content["near_duplicates"]:
        examples = _near_duplicate_examples(storage.join(rejects_uri, NEAR_DUPLICATES_FILE))
        content["near_duplicates"] = {**content["near_duplicates"], "examples": examples}
    return Data.model_validate(content)

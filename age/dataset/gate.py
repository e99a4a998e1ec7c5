"""Judges whether data are fit to learn from: rejects, empty splits, anomalies against the schema, skew between splits."""

import dataclasses
from collections.abc import Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from age.dataset import anomalies_in_words
from schemas import features
from schemas.verdict import RowCounts

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


@dataclasses.dataclass(frozen=True)
class Findings:
    """What speaks against the data, in sentences.

    Attributes:
        reasons: all of it.
        anomalies: what of it is against the schema.
    """

    reasons: list[str]
    anomalies: list[str]


_Statistics = Mapping[str, statistics_pb2.DatasetFeatureStatisticsList]
"""The statistics of each split."""


def check(
    counts: RowCounts,
    statistics: _Statistics,
    anomalies: Mapping[str, anomalies_pb2.Anomalies],
    schema: schema_pb2.Schema,
    max_reject_fraction: float,
) -> Findings:
    """Judges the data of a run.

    Args:
        counts: what became of the rows.
        statistics: of each split.
        anomalies: of each split, what TFDV found against the schema.
        schema: what the data shall be like.
        max_reject_fraction: share of rows that may be rejected, 0 to 1.
    """
    empty = [split for split in statistics if not counts.splits.get(split)]
    against_schema = [
        sentence
        for split in statistics
        if split not in empty
        for sentence in anomalies_in_words.in_words(anomalies[split], schema, split)
    ]
    if not empty:
        against_schema.extend(_skews(statistics, schema))
    reasons = _too_many_rejects(counts, max_reject_fraction)
    reasons.extend(
        f"The {split} split holds no examples ({counts.used} usable rows in all); every split needs some." for split in empty
    )
    return Findings(reasons=[*reasons, *against_schema], anomalies=against_schema)


def _too_many_rejects(counts: RowCounts, max_reject_fraction: float) -> list[str]:
    rows, rejected = counts.rows, counts.rejected
    if not rows:
        return ["The label file has a header and no rows; expected one row for each image."]
    if rejected <= max_reject_fraction * rows:
        return []
    reasons = ", ".join(
        f"{number} {reason.replace('_', ' ')}" for reason, number in sorted(counts.rejects.items(), key=lambda item: -item[1])
    )
    sentences = [
        f"{rejected} of {rows} rows ({rejected / rows:.1%}) were rejected ({reasons}); allowed is "
        f"{max_reject_fraction:.1%} (data.max_reject_fraction)."
    ]
    if counts.rejects.get("missing_file") and set(counts.rejects) <= _WITHOUT_IMAGE and rejected == rows:
        sentences.append(
            "Every image is missing: not one of the file names was found in the data directory. Put the images there, or in "
            "its final_files/ or images/."
        )
    return sentences


def split_sizes(statistics: _Statistics) -> dict[str, int]:
    """Returns the number of examples of each split, from its statistics."""
    return {split: proto.datasets[0].num_examples if proto.datasets else 0 for split, proto in statistics.items()}


def _skews(statistics: _Statistics, schema: schema_pb2.Schema) -> list[str]:
    """Compares every other split with the training split, by the schema's skew comparators."""
    sizes = split_sizes(statistics)
    if sizes.get(features.TRAIN, 0) < MIN_EXAMPLES_FOR_SKEW:
        return []
    sentences = []
    for split in statistics:
        if split == features.TRAIN or sizes[split] < MIN_EXAMPLES_FOR_SKEW:
            continue
        found = tfdv.validate_statistics(statistics[features.TRAIN], schema, serving_statistics=statistics[split])
        for name, info in sorted(found.anomaly_info.items()):
            for reason in info.reason:
                if reason.type in _SKEW_REASONS:
                    # TFDV calls the two sides training and serving; here they are two splits.
                    text = reason.description.replace("training and serving", f"{features.TRAIN} and {split}")
                    sentences.append(f"{name} ({features.TRAIN} against {split} split): {text.strip()}")
    return sentences

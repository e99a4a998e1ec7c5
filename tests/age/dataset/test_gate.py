"""What the data gate says of data, from counts and from statistics as TFDV computes them."""

import numpy as np
import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

from age.dataset import gate
from schemas.verdict import RowCounts

SCHEMA = text_format.Parse(
    """
    feature {
      name: "age" type: FLOAT float_domain { min: 0 max: 116 }
      skew_comparator { jensen_shannon_divergence { threshold: 0.2 } }
    }
    """,
    schema_pb2.Schema(),
)


def statistics(ages):
    return tfdv.generate_statistics_from_dataframe(pd.DataFrame({"age": np.asarray(ages, float)}))


def counts(used, rejects=None, rows=None):
    rejects = rejects or {}
    rejected = sum(rejects.values())
    splits = {split: number for split, number in used.items() if number}
    return RowCounts(
        rows=sum(used.values()) + rejected if rows is None else rows,
        used=sum(used.values()),
        rejected=rejected,
        splits=splits,
        rejects=rejects,
    )


@pytest.fixture(scope="module")
def alike():
    random = np.random.default_rng(0)
    return {split: statistics(random.uniform(1, 90, 400)) for split in ("train", "validation", "test")}


def check(counted, by_split, anomalies=None, max_reject_fraction=0.05):
    found = {split: anomalies_pb2.Anomalies() for split in by_split} | (anomalies or {})
    return gate.check(counted, by_split, found, SCHEMA, max_reject_fraction)


def test_data_that_are_fit_are_let_through(alike):
    findings = check(counts({"train": 400, "validation": 400, "test": 400}, {"undecodable": 60}), alike)

    assert findings.reasons == findings.anomalies == []


def test_rejects_above_the_allowed_share_are_named_by_reason(alike):
    counted = counts({"train": 400, "validation": 400, "test": 400}, {"undecodable": 60, "missing_file": 61})

    (reason,) = check(counted, alike).reasons

    assert reason == (
        "121 of 1321 rows (9.2%) were rejected (61 missing file, 60 undecodable); allowed is 5.0% (data.max_reject_fraction)."
    )


def test_where_every_image_is_missing_it_says_so_and_every_split_is_empty(alike):
    findings = check(counts({}, {"missing_file": 20}), alike)

    assert findings.reasons[0].startswith("20 of 20 rows (100.0%) were rejected")
    assert findings.reasons[1].startswith("Every image is missing")
    assert findings.reasons[2:] == [
        f"The {split} split holds no examples (0 usable rows in all); every split needs some." for split in alike
    ]
    assert findings.anomalies == []


def test_a_label_file_without_rows(alike):
    assert check(counts({}), alike).reasons[0] == ("The label file has a header and no rows; expected one row for each image.")


def test_splits_that_differ_by_more_than_the_schema_allows_are_anomalies(alike):
    old = {**alike, "test": statistics(np.random.default_rng(1).uniform(60, 90, 400))}

    findings = check(counts({"train": 400, "validation": 400, "test": 400}), old)

    (anomaly,) = findings.anomalies
    assert anomaly.startswith("age (train against test split): ") and "between train and test" in anomaly
    assert findings.reasons == [anomaly]


def test_splits_too_small_to_compare_are_not_compared(alike):
    few = {**alike, "test": statistics([80.0] * (gate.MIN_EXAMPLES_FOR_SKEW - 1))}

    assert check(counts({"train": 400, "validation": 400, "test": 29}), few).reasons == []


def test_what_tfdv_found_against_the_schema_is_said_of_its_split(alike):
    too_old = tfdv.validate_statistics(statistics([30.0, 200.0]), SCHEMA)

    findings = check(counts({"train": 400, "validation": 400, "test": 400}), alike, {"validation": too_old})

    (anomaly,) = findings.anomalies
    assert anomaly.startswith("age (validation split): ") and "a number from 0 to 116 years" in anomaly

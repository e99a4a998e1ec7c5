"""Tallies add up to the same total however the rows were dealt out."""

import json

import numpy as np

from age.dataset import tally
from age.dataset.image_checks import Measurements


def tallies(rows, batch):
    for start in range(0, len(rows), batch):
        counted = {}
        for age, width, brightness, gender in rows[start : start + batch]:
            measured = Measurements("jpeg", height=100, width=width, brightness=brightness)
            tally.add_example(counted, "train", age, measured, [("gender", gender)])
        yield counted


def total(parts):
    combine = tally.Total()
    accumulators = []
    for number, part in enumerate(parts):
        if number % 7 == 0:
            accumulators.append(combine.create_accumulator())
        accumulators[-1] = combine.add_input(accumulators[-1], part)
    return combine.extract_output(combine.merge_accumulators(accumulators))


def make_rows(count):
    random = np.random.default_rng(0)
    return [
        (age, width, brightness, gender)
        for age, width, brightness, gender in zip(
            np.round(random.uniform(0, 90, count), 1).tolist(),
            random.integers(40, 44, count).tolist(),
            random.uniform(0, 1, count).tolist(),
            random.choice(["female", "male", ""], count).tolist(),
        )
    ]


def test_summary_does_not_depend_on_batches_or_their_order():
    rows = make_rows(1000)

    one = tally.summary_json(total(tallies(rows, 64)))
    other = tally.summary_json(total(tallies(rows[::-1], 9)))

    assert one == other


def test_summary_counts_what_the_rows_have():
    rows = make_rows(500)
    brightness = np.array([row[2] for row in rows])

    found = json.loads(tally.summary_json(total(tallies(rows, 64))))

    assert sum(found["ages"]["train"].values()) == 500
    assert found["ages"]["train"][f"{rows[0][0]:g}"] == sum(row[0] == rows[0][0] for row in rows)
    assert found["brightness"]["train"]["counts"] == list(np.histogram(brightness, bins=20, range=(0, 1))[0])
    np.testing.assert_allclose(found["brightness"]["train"]["mean"], brightness.mean(), atol=1e-6)
    assert {entry["value"]: entry["count"] for entry in found["attributes"]["gender"]} == {
        gender: sum(row[3] == gender for row in rows) for gender in ("female", "male", "")
    }
    assert sum(entry["count"] for entry in found["sizes"]) == 500
    assert found["sizes"] == sorted(found["sizes"], key=lambda entry: -entry["count"])


def test_black_and_white_fall_in_the_outermost_bins():
    found = json.loads(tally.summary_json(total(tallies([(1, 40, 0.0, ""), (1, 40, 1.0, "")], 1))))

    counts = found["brightness"]["train"]["counts"]
    assert (counts[0], counts[-1], sum(counts)) == (1, 1, 2)


def test_as_many_values_as_rows_do_not_fill_memory_and_frequent_ones_stay_exact():
    rows = [(30, 40 + number, 0.5, "often" if number % 3 == 0 else f"person {number}") for number in range(90_000)]

    counted = total(tallies(rows, 64))
    found = json.loads(tally.summary_json(counted))

    assert len(counted[("attributes", "gender")]) <= 20_000 and len(counted[("sizes",)]) <= 20_000
    assert found["attributes"]["gender"][0] == {"value": "often", "count": 30_000}
    assert len(found["attributes"]["gender"]) == 30
    assert len(found["sizes"]) == 21 and found["sizes"][-1] == {"other": 90_000 - 20}


def test_nothing_ingested_is_a_summary_too():
    empty = total([])

    assert json.loads(tally.counts_json(empty))["rows"] == 0
    assert json.loads(tally.summary_json(empty)) == {
        "ages": {},
        "sizes": [],
        "brightness": {},
        "attributes": {},
        "near_duplicates": None,
        "groups": None,
    }

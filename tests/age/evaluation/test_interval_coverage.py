"""How often intervals hold the real age, and what the gate makes of it."""

import re

import numpy as np
import pytest

from age.evaluation import interval_coverage
from age.evaluation.predictions_file import PredictionColumns
from age.evaluation.settings import EvaluatorSettings

REAL = np.array([5.0, 9.0, 31.0, 35.0, 38.0])
LOW = np.array([5.0, 10.0, 20.0, np.nan, 30.0])
HIGH = np.array([9.0, 20.0, 31.0, np.nan, 44.0])
GENDER = (["female", "", "male"], np.array([0, 1, 2, 0, 2], np.int32))


def predictions(low=LOW, high=HIGH):
    return PredictionColumns(REAL, (LOW + HIGH) / 2, {"gender": GENDER}, age_low=low, age_high=high)


def test_coverage_and_width_are_measured_in_the_whole_by_decade_of_real_age_and_by_group():
    found = interval_coverage.measure(predictions(), ["gender"])

    # Ends belong to the interval; a photograph without an answer has an age that nothing holds.
    assert (found.whole.coverage, found.whole.mean_width, found.whole.example_count) == (0.6, 9.75, 5)
    slices = {(one.feature, one.value): (one.coverage, one.mean_width, one.example_count) for one in found.slices}
    assert slices == {
        ("age_decade", "0-9"): (0.5, 7.0, 2),
        ("age_decade", "30-39"): (pytest.approx(2 / 3), 12.5, 3),
        ("gender", ""): (0.0, 10.0, 1),
        ("gender", "female"): (0.5, 4.0, 2),
        ("gender", "male"): (1.0, 12.5, 2),
    }


def test_a_model_without_intervals_has_no_coverage():
    assert interval_coverage.measure(predictions(None, None), ["gender"]) is None


@pytest.mark.parametrize(
    ("asked", "with_intervals", "said"),
    [
        (None, False, None),
        (None, True, None),
        (0.6, True, None),
        (0.61, True, r"hold 60\.0 % of the real ages of 5 test photographs; at least 61 % are asked for"),
        (0.5, False, r"answers with no intervals, and 50 % .* Set trainer\.loss"),
    ],
)
def test_gate_asks_for_the_least_coverage(asked, with_intervals, said, tmp_path):
    found = interval_coverage.measure(predictions() if with_intervals else predictions(None, None), [])

    reasons = interval_coverage.refusals(found, EvaluatorSettings(min_coverage=asked))
    interval_coverage.write(str(tmp_path), found, reasons)

    assert len(reasons) == (said is not None)
    for reason in reasons:
        assert re.search(said, reason)
    read = interval_coverage.read(str(tmp_path))
    assert (read.intervals, read.reasons) == (found, reasons)


def test_an_evaluation_from_before_has_none(tmp_path):
    assert interval_coverage.read(str(tmp_path)).intervals is None

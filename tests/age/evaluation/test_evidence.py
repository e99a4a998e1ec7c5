"""For whom a model may serve, by what the test photographs say."""

import numpy as np
import pytest

from age.evaluation import evidence
from age.evaluation.prediction_errors import SliceErrors
from age.evaluation.predictions_file import PredictionColumns
from age.evaluation.settings import EvaluatorSettings
from schemas.verdict import Slice

SETTINGS = EvaluatorSettings(max_mae=8, max_slice_mae=1.5, min_slice_examples=30)


def judged(settings=SETTINGS, **size_and_count):
    """Judges decades in which the model is off by about so many years, on so many photographs."""
    random = np.random.default_rng(5)
    real, predicted, slices = [], [], []
    for name, (size, count) in size_and_count.items():
        start = int(name.removeprefix("from_"))
        errors = random.choice([-1, 1], count) * size * random.uniform(0.5, 1.5, count)
        real += [start + 5.0] * count
        predicted += list(start + 5.0 + errors)
        mae, bias = float(np.abs(errors).mean()), float(errors.mean())
        slices.append(Slice(feature="age_decade", value=f"{start}-{start + 9}", mae=mae, bias=bias, example_count=count))
    return evidence.judged(slices, SliceErrors(PredictionColumns(np.array(real), np.array(predicted), {})), settings)


def said(slices):
    return [entry.evidence for entry in slices]


def test_evidence_is_adequate_with_the_interval_below_the_ceiling_bad_with_it_above_and_else_not_enough():
    slices = judged(from_0=(8, 200), from_10=(12, 40), from_20=(16, 200), from_30=(5, 29))

    assert said(slices) == ["adequate", "not_enough", "bad", "not_enough"]
    assert [entry.ceiling for entry in slices] == [12, 12, 12, 12]
    assert slices[1].mae_interval.low < 12 < slices[1].mae_interval.high
    assert slices[3].small and slices[3].mae_interval is None


def test_what_is_clearly_above_the_ceiling_refuses_the_model_and_nothing_else_does():
    slices = judged(from_0=(8, 200), from_10=(12, 40), from_20=(16, 200), from_30=(40, 29))

    (sentence,) = evidence.refusals(slices, SETTINGS)

    interval = slices[2].mae_interval
    assert sentence == (
        f"The MAE of the slice age_decade=20-29 is {slices[2].mae:.2f} years on 200 test photographs (95 % interval "
        f"{interval.low:.2f} to {interval.high:.2f}), clearly above the 12 years that a slice may have: 1.5 times 8 "
        "(evaluator.max_slice_mae)."
    )


def test_null_refuses_nothing_and_then_photographs_enough_are_evidence_enough():
    settings = SETTINGS.model_copy(update={"max_slice_mae": None})

    slices = judged(settings, from_20=(16, 200), from_30=(5, 29))

    assert said(slices) == ["adequate", "not_enough"] and evidence.refusals(slices, settings) == []


def test_a_ceiling_by_name_takes_the_place_of_that_of_all_slices():
    settings = SETTINGS.model_copy(update={"slice_ceilings": {"age_decade=20-29": 20.0, "age_decade=0-9": 5.0}})

    slices = judged(settings, from_0=(8, 200), from_20=(16, 200))

    assert said(slices) == ["bad", "adequate"] and [entry.ceiling for entry in slices] == [5, 20]
    assert evidence.refusals(slices, settings) == [], "TFMA says what is above a ceiling by name"


def test_a_model_that_did_not_answer_for_a_group_is_bad_for_it():
    unanswered = [Slice(feature="age_decade", value="20-29", mae=float("nan"), example_count=50)]
    errors = SliceErrors(PredictionColumns(np.full(50, 25.0), np.full(50, np.nan), {}))

    assert said(evidence.judged(unanswered, errors, SETTINGS)) == ["bad"]


def test_neighbouring_decades_of_one_evidence_are_one_range_and_all_ages_are_in_one():
    slices = judged(from_10=(5, 100), from_20=(6, 60), from_40=(5, 50), from_50=(16, 200), from_60=(4, 10), from_70=(20, 8))

    groups = evidence.groups(slices)

    assert [(one.lowest_age, one.highest_age, one.evidence, one.example_count) for one in groups] == [
        (0, 9, "not_enough", 0),
        (10, 29, "adequate", 160),
        (30, 39, "not_enough", 0),
        (40, 49, "adequate", 50),
        (50, 59, "bad", 200),
        (60, None, "not_enough", 18),
    ]
    assert groups[1].mae == pytest.approx((100 * slices[0].mae + 60 * slices[1].mae) / 160)
    assert groups[5].bias == pytest.approx((10 * slices[4].bias + 8 * slices[5].bias) / 18)
    assert groups[0].mae is None and groups[0].bias is None


def test_values_of_attributes_are_groups_of_their_own():
    entry = Slice(feature="gender", value="female", mae=4.0, bias=1.0, example_count=50, evidence="adequate")

    (group,) = evidence.groups([entry])

    assert (group.attribute, group.value, group.lowest_age, group.highest_age) == ("gender", "female", None, None)
    assert (group.evidence, group.example_count, group.mae, group.bias) == ("adequate", 50, 4.0, 1.0)


def test_those_without_a_value_are_no_group_unless_the_evidence_is_bad():
    def blank(said):
        return Slice(feature="gender", value="", mae=4.0, bias=1.0, example_count=50, evidence=said)

    assert evidence.groups([blank("adequate"), blank("not_enough")]) == []
    assert [group.value for group in evidence.groups([blank("bad")])] == [""]

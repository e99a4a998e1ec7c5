"""How sure an error is, and where it is worst."""

import tracemalloc

import numpy as np
import pytest

from age.evaluation import evidence, prediction_errors
from age.evaluation.predictions_file import PredictionColumns
from age.evaluation.settings import EvaluatorSettings
from schemas.verdict import Slice


def predictions(real, predicted, **attributes) -> PredictionColumns:
    coded = {}
    for name, values in attributes.items():
        different = sorted(set(values))
        coded[name] = (different, np.array([different.index(value) for value in values], dtype=np.int32))
    return PredictionColumns(np.array(real, dtype=float), np.array(predicted, dtype=float), coded)


def test_interval_agrees_with_a_bootstrap_by_hand():
    random = np.random.default_rng(7)
    errors = random.laplace(1, 6, 60)
    by_hand = np.array([np.abs(random.choice(errors, len(errors))).mean() for _ in range(20_000)])

    found = prediction_errors.mae_interval(errors)

    assert found.low == pytest.approx(np.percentile(by_hand, 2.5), abs=0.15)
    assert found.high == pytest.approx(np.percentile(by_hand, 97.5), abs=0.15)
    assert (found.confidence, found.resamples) == (0.95, 2000)
    assert found.method == "percentile bootstrap"
    assert found == prediction_errors.mae_interval(errors), "the seed is fixed"


def test_interval_holds_the_truth_in_about_95_of_100_samples():
    random = np.random.default_rng(3)
    truth = 6 * np.sqrt(2 / np.pi)
    found = [prediction_errors.mae_interval(random.normal(0, 6, 150)) for _ in range(200)]

    held = sum(interval.low <= truth <= interval.high for interval in found)

    assert 180 <= held <= 198


def test_very_many_photographs_take_the_normal_approximation_and_little_memory():
    errors = np.random.default_rng(0).normal(0, 8, 1_000_000)
    few = errors[:50_000]

    tracemalloc.start()
    many, bootstrap = prediction_errors.mae_interval(errors), prediction_errors.mae_interval(few)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (many.method, many.resamples) == ("normal approximation", 0)
    absolute = np.abs(errors)
    assert many.high - many.low == pytest.approx(2 * 1.96 * absolute.std() / 1000, rel=1e-3)
    assert many.low < absolute.mean() < many.high
    assert bootstrap.resamples == 2000
    assert peak < 100e6


@pytest.mark.parametrize("errors", [[], [1.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_there_is_no_interval_where_there_is_no_error(errors):
    assert prediction_errors.mae_interval(np.array(errors)) is None


def test_slices_are_found_by_decade_and_by_attribute():
    found = prediction_errors.SliceErrors(
        predictions([9.9, 10, 19, 101], [10.9, 12, 22, 105], gender=["female", "", "male", ""])
    )

    assert list(found.of("age_decade", "0-9")) == pytest.approx([1])
    assert list(found.of("age_decade", "10-19")) == [2, 3]
    assert list(found.of("age_decade", "100-109")) == [4]
    assert list(found.of("gender", "")) == [2, 4]
    assert list(found.of("gender", "nobody")) == [] == list(found.of("age_decade", "50-59"))


def entry(feature, value, errors):
    of_slice = errors.of(feature, value)
    return Slice(feature=feature, value=value, mae=float(np.abs(of_slice).mean()), example_count=len(of_slice))


def test_weakest_slices_are_those_clearly_above_the_whole_and_never_small_ones():
    random = np.random.default_rng(1)
    real = np.array([25.0] * 300 + [85.0] * 41 + [95.0] * 5 + [45.0] * 50)
    size = np.array([4.0] * 300 + [12.0] * 41 + [40.0] * 5 + [5.5] * 50)
    errors = prediction_errors.SliceErrors(predictions(real, real + random.normal(0, size)))
    whole = float(np.abs(errors.errors).mean())
    slices = [
        entry("age_decade", "20-29", errors),
        entry("age_decade", "40-49", errors),
        entry("age_decade", "80-89", errors),
        entry("age_decade", "90-99", errors),
    ]

    judged = evidence.judged(slices, errors, EvaluatorSettings(min_slice_examples=41))
    (sentence,) = prediction_errors.weakest_slices(judged, whole)

    eighties = judged[2]
    assert sentence == (
        f"Ages 80-89: MAE {eighties.mae:.1f} years (interval {eighties.mae_interval.low:.1f} to "
        f"{eighties.mae_interval.high:.1f}) on 41 photographs, against {whole:.1f} over all."
    )
    assert [one.small for one in judged] == [False, False, False, True]
    assert "mae_interval" not in judged[3].model_dump(exclude_unset=True)
    assert judged[3].mae > eighties.mae, "the small one is worse, and says nothing"


def test_the_baseline_always_answers_the_median_age_of_the_training_photographs():
    found = prediction_errors.constant_baseline(predictions([10, 20, 60], [1, 2, 3]), 30.0)

    assert (found.answer, found.age, found.mae) == ("median", 30.0, pytest.approx(20))
    assert prediction_errors.constant_baseline(predictions([], []), 30.0) is None
    assert prediction_errors.constant_baseline(predictions([10], [1]), None) is None

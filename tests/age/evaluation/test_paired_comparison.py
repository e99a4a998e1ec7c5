"""When a candidate counts as worse than the champion."""

import functools
import math

import numpy as np
import pytest

from age.evaluation import comparison_file, paired_comparison
from age.evaluation.predictions_file import PredictionColumns

MARGIN = 0.25


def two_models(seed, count=700, worse_by=0.0, spread=3.0):
    """Errors, years, of two models on the same photographs: hard photographs are hard for both."""
    random = np.random.default_rng(seed)
    shared, own = random.laplace(0, 5, count), random.normal(0, spread, (2, count))
    candidate, champion = shared + own
    return candidate * (1 + worse_by / mean_absolute_error(spread)), champion


@functools.cache
def mean_absolute_error(spread):
    random = np.random.default_rng(0)
    return np.abs(random.laplace(0, 5, 10**6) + random.normal(0, spread, 10**6)).mean()


def test_difference_is_that_of_the_two_mean_absolute_errors():
    candidate, champion = two_models(0)

    found = paired_comparison.difference(candidate, champion, MARGIN)

    assert found.mean == pytest.approx(np.abs(candidate).mean() - np.abs(champion).mean())
    assert found.low < found.mean < found.high and found.count == 700


def test_interval_agrees_with_a_paired_bootstrap_by_hand_and_is_narrower_than_an_unpaired_one():
    candidate, champion = two_models(1, count=200)
    random = np.random.default_rng(5)
    drawn = random.integers(0, 200, (20_000, 200))
    by_hand = (np.abs(candidate)[drawn] - np.abs(champion)[drawn]).mean(axis=1)
    unpaired = np.abs(candidate)[drawn].mean(axis=1) - np.abs(champion)[random.permutation(drawn)].mean(axis=1)

    found = paired_comparison.difference(candidate, champion, MARGIN)

    assert [found.low, found.high] == pytest.approx(list(np.percentile(by_hand, [2.5, 97.5])), abs=0.05)
    assert found.high - found.low < 0.8 * np.subtract(*np.percentile(unpaired, [97.5, 2.5]))


def test_interval_holds_the_truth_in_about_95_of_100_draws():
    found = [paired_comparison.difference(*two_models(seed, count=150, worse_by=0.5), MARGIN) for seed in range(200)]

    assert 180 <= sum(one.low <= 0.5 <= one.high for one in found) <= 199


@pytest.mark.parametrize("worse_by, refused", [(-1.0, (0, 0)), (0.0, (0, 0.05)), (2 * MARGIN, (0.9, 1)), (1.0, (1, 1))])
def test_at_700_photographs_an_equal_model_passes_and_one_worse_by_twice_the_margin_does_not(worse_by, refused):
    found = [paired_comparison.compare(*two_models(seed, worse_by=worse_by), MARGIN).refused for seed in range(200)]

    assert refused[0] <= np.mean(found) <= refused[1]


def test_few_photographs_refuse_nobody_by_chance():
    found = [paired_comparison.compare(*two_models(seed, count=40), MARGIN).worse for seed in range(200)]

    assert np.mean(found) <= 0.05


def test_on_very_many_photographs_a_model_that_is_worse_by_less_than_the_margin_passes():
    candidate, champion = two_models(2, count=200_000, worse_by=0.2)

    comparison = paired_comparison.compare(candidate, champion, MARGIN)

    assert comparison.whole.low > 0.1 and not comparison.refused


def test_it_says_what_so_many_photographs_can_tell():
    small, large = (paired_comparison.compare(*two_models(3, count=count), MARGIN) for count in (100, 5000))

    assert large.tells(MARGIN) and not small.tells(MARGIN)
    drawn = [two_models(seed, count=100) for seed in range(200)]
    detectable = np.mean([paired_comparison.difference(*models, MARGIN).detectable for models in drawn])
    hurt = [(np.sign(candidate) * (np.abs(candidate) + detectable), champion) for candidate, champion in drawn]
    found = [paired_comparison.compare(*models, MARGIN).worse for models in hurt]
    assert np.mean(found) == pytest.approx(0.9, abs=0.06)


class TestSlices:
    """A group for which the candidate is clearly worse, in a whole that is not."""

    def compared(self, hurt, count=700, chosen=100, **settings):
        candidate, champion = two_models(4, count=count)
        slices = {
            ("gender", "female"): np.arange(count) < chosen,
            ("gender", "male"): np.arange(count) >= chosen,
        }
        candidate = np.where(slices["gender", "female"], np.sign(candidate) * (np.abs(champion) + hurt), champion)
        return paired_comparison.compare(candidate, champion, MARGIN, slices, **settings)

    def test_it_refuses_the_candidate(self):
        comparison = self.compared(hurt=1.0)

        assert comparison.worse_slices == (("gender", "female"),) and not comparison.worse
        assert comparison.slices["gender", "female"].mean == pytest.approx(1.0)
        (sentence,) = paired_comparison.sentences(comparison, MARGIN, 7)
        assert "in the slice gender=female is 1.00 years worse than that of version 7" in sentence
        assert "same 100 test photographs" in sentence and "at most 0.25 (evaluator.max_regression)" in sentence

    def test_a_small_one_is_compared_and_never_refuses(self):
        comparison = self.compared(hurt=1.0, chosen=29)

        assert comparison.worse_slices == () and comparison.slices["gender", "female"].count == 29

    def test_one_that_is_worse_by_less_than_the_margin_passes(self):
        assert not self.compared(hurt=0.24).refused

    def test_an_empty_one_is_no_number_and_refuses_nobody(self):
        comparison = self.compared(hurt=1.0, chosen=0)

        assert math.isnan(comparison.slices["gender", "female"].mean) and not comparison.refused


def test_photographs_that_either_model_could_not_answer_for_are_left_out():
    candidate, champion = two_models(6, count=100)
    candidate[0], champion[1] = math.nan, math.nan

    found = paired_comparison.difference(candidate, champion, MARGIN)

    assert found.count == 98
    assert found.mean == pytest.approx((np.abs(candidate[2:]) - np.abs(champion[2:])).mean())


def test_a_model_compared_with_itself_is_equal():
    errors, _ = two_models(8)

    comparison = paired_comparison.compare(errors, errors, MARGIN)

    assert (comparison.whole.mean, comparison.whole.low, comparison.whole.high, comparison.refused) == (0, 0, 0, False)
    assert paired_comparison.sentences(comparison, MARGIN, 1) == []


def test_predictions_are_compared_overall_by_decade_and_by_the_columns_that_are_sliced_by():
    candidate, champion = two_models(9)
    real = np.random.default_rng(0).integers(1, 90, 700).astype(float)
    gender = np.arange(700) % 2
    predictions = PredictionColumns(
        real, real + candidate, {"gender": (["female", "male"], gender), "place": (["x"], np.zeros(700, int))}, real + champion
    )

    found = paired_comparison.of_predictions(predictions, ["gender"], MARGIN, 30)

    assert found.whole.mean == pytest.approx(np.abs(candidate).mean() - np.abs(champion).mean())
    assert {feature for feature, _ in found.slices} == {"age_decade", "gender"}
    in_their_thirties = (real >= 30) & (real < 40)
    assert found.slices["age_decade", "30-39"].count == in_their_thirties.sum()
    assert found.slices["gender", "male"].mean == pytest.approx((np.abs(candidate) - np.abs(champion))[gender == 1].mean())
    assert paired_comparison.of_predictions(PredictionColumns(real, real, {}), [], MARGIN, 30) is None


def test_a_comparison_reads_back_as_it_was_written(tmp_path):
    candidate, champion = two_models(10, worse_by=1.0)
    comparison = paired_comparison.compare(candidate, champion, MARGIN, {("gender", "=x"): np.zeros(700, bool)})
    written = comparison_file.write(str(tmp_path), comparison, paired_comparison.sentences(comparison, MARGIN, 7))

    found = comparison_file.read(str(tmp_path))

    assert found == written and found.whole.mean == comparison.whole.mean
    assert found.of("gender", "=x").mean is None and found.of("gender", "male") is None
    assert found.reasons == paired_comparison.sentences(comparison, MARGIN, 7) != []
    assert comparison_file.read(str(tmp_path / "elsewhere")) is None


class TestPhotographsThatTheChampionLearntFrom:
    """It answers better for them than for any others, which is no merit."""

    @pytest.fixture
    def predictions(self):
        candidate, champion = two_models(11, count=400)
        champion[:100] = 0.0
        real = np.random.default_rng(1).integers(1, 90, 400).astype(float)
        return PredictionColumns(real, real + candidate, {}, real + champion, images=np.arange(1000, 1400, dtype=np.uint64))

    def test_are_left_out_of_the_comparison(self, predictions):
        left_out = paired_comparison.learnt_from(predictions, np.arange(900, 1100, dtype=np.uint64))

        found = paired_comparison.of_predictions(predictions, [], MARGIN, 30, left_out=left_out)

        assert left_out.sum() == 100 and found.whole.count == 300
        candidate, champion = (
            np.abs(ages - predictions.real_age)[100:] for ages in (predictions.predicted_age, predictions.champion_age)
        )
        assert found.whole.mean == pytest.approx((candidate - champion).mean())
        assert not found.refused and paired_comparison.of_predictions(predictions, [], MARGIN, 30).refused
        assert sum(one.count for one in found.slices.values()) == 300

    def test_are_not_known_where_it_does_not_tell(self, predictions):
        assert paired_comparison.learnt_from(predictions, None) is None


def test_another_version_than_the_champion_is_compared_and_described(tmp_path):
    candidate, champion = two_models(12)
    best, real = champion - np.sign(champion) * np.minimum(np.abs(champion), 1.0), np.full(700, 30.0)
    best[3] = math.nan
    predictions = PredictionColumns(real, real + candidate, {}, real + champion, real + best)

    found = paired_comparison.of_predictions(predictions, [], MARGIN, 30, predictions.best_version_age)
    described = comparison_file.best_version(5, predictions.best_version_age, real, found, learnt_from=None)

    assert found.refused and found.whole.count == 699
    (sentence, *_) = paired_comparison.sentences(found, MARGIN, 5, "the best one that is still in the serving directory")
    assert "than that of version 5, the best one that is still in the serving directory, on the same 699 test" in sentence
    assert described.metrics.mae == pytest.approx(np.nanmean(np.abs(best))) and described.metrics.example_count == 699
    whole = paired_comparison.of_predictions(predictions, [], MARGIN, 30)
    comparison_file.write(str(tmp_path), whole, [sentence], learnt_from=0, best_version=described)
    read = comparison_file.read(str(tmp_path))
    assert (read.best_version, read.learnt_from, read.reasons) == (described, 0, [sentence])

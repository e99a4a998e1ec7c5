"""What is said of photographs that are like the model's own, and of others."""

import numpy as np
import pytest

from age.drift import detection
from age.drift.settings import DriftSettings
from tests.age.drift.seen import photographs

SETTINGS = DriftSettings(permutations=199)


def drifted(comparisons):
    return {each.name for each in comparisons if each.drifted}


def test_photographs_of_the_same_kind_have_not_drifted():
    comparisons = detection.of_photographs(photographs(300, seed=0), photographs(200, seed=1), SETTINGS)

    assert drifted(comparisons) == set()
    assert detection.sentence(comparisons) == "No drift was found."
    assert [each.name for each in comparisons] == [
        "features",
        "predicted_ages",
        "brightness",
        "longer_sides",
        "shapes",
        "real_ages",
    ]


def test_older_people_are_found_in_features_predictions_and_labels():
    comparisons = detection.of_photographs(photographs(300, seed=0), photographs(200, seed=1, older=12), SETTINGS)

    assert drifted(comparisons) == {"features", "predicted_ages", "real_ages"}
    assert detection.sentence(comparisons) == (
        "Drift was found in what the model sees in the photographs, predicted ages and ages in the labels."
    )
    (ages,) = [each for each in comparisons if each.name == "real_ages"]
    assert ages.found.mean - ages.reference.mean == pytest.approx(12, abs=4)
    assert ages.sentence == (
        f"Ages in the labels: {ages.found.mean - ages.reference.mean:.1f} years higher ({ages.found.mean:.1f} years on average, "
        f"{ages.reference.mean:.1f} when the model was made)."
    )


def test_another_light_is_found_in_features_and_brightness():
    comparisons = detection.of_photographs(photographs(300, seed=0), photographs(200, seed=1, brighter=-0.1), SETTINGS)

    assert drifted(comparisons) == {"features", "brightness"}
    (light,) = [each for each in comparisons if each.name == "brightness"]
    assert light.sentence.startswith("Brightness: 0.1") and " lower (" in light.sentence


def test_ages_are_not_compared_where_there_are_no_labels():
    comparisons = detection.of_photographs(photographs(60, seed=0), photographs(60, seed=1, labelled=False), SETTINGS)

    assert "real_ages" not in {each.name for each in comparisons}


def test_all_comparisons_together_seldom_find_drift_where_there_is_none():
    found = [
        bool(drifted(detection.of_photographs(photographs(60, seed), photographs(50, 1000 + seed), SETTINGS)))
        for seed in range(60)
    ]

    # Three are expected at most; nine come about once in 400 times.
    assert sum(found) < 9


def test_binned_ages_are_compared_with_the_ages_that_the_model_predicts_for_its_own():
    ends = np.array([*range(5, 121, 5), np.inf])

    def histogram(seen):
        return np.bincount(np.searchsorted(ends, seen.predicted_ages), minlength=len(ends))

    reference = photographs(300, seed=0).predicted_ages
    alike = detection.of_predicted_ages(reference, ends, histogram(photographs(400, seed=1)), SETTINGS)
    older = detection.of_predicted_ages(reference, ends, histogram(photographs(400, seed=1, older=12)), SETTINGS)

    assert (drifted(alike), drifted(older)) == (set(), {"predicted_ages"})
    assert older[0].found.mean - older[0].reference.mean == pytest.approx(12, abs=4)

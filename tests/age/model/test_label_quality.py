"""How likely labels are right, from what other photographs say."""

import numpy as np
import pytest

from age.model import label_quality
from benchmarks import label_errors

COUNT = 600


@pytest.fixture(scope="module")
def people():
    """Features that tell the age, that of children better than that of the old."""
    random = np.random.default_rng(0)
    ages = random.integers(1, 91, COUNT).astype(np.float64)
    seen = ages + random.normal(0, 1, COUNT) * (0.5 + 0.1 * ages)
    centres = np.arange(0, 100, 5)
    features = np.exp(-0.5 * ((seen[:, None] - centres) / 8) ** 2) + random.normal(0, 0.02, (COUNT, len(centres)))
    return features.astype(np.float32), ages, [f"{number}.jpg" for number in range(COUNT)]


@pytest.fixture(scope="module")
def judged(people):
    features, ages, names = people
    labels, wrong = label_errors.with_errors(ages, seed=1)
    return label_quality.judge(features, labels, names), labels, wrong


def test_wrong_labels_have_less_quality_and_their_photographs_other_ages(judged, people):
    found, labels, wrong = judged
    far = wrong & (np.abs(labels - people[1]) > 30)

    assert far.sum() >= 10 and (found.quality[far] < 0.5).mean() > 0.8
    assert (found.quality[~wrong] > 0.5).mean() > 0.98
    assert np.abs(found.predicted[far] - people[1][far]).mean() < np.abs(found.predicted[far] - labels[far]).mean() / 2
    assert 0.01 < found.wrong_share < 0.1


def test_list_begins_with_more_wrong_labels_than_one_by_the_residual_and_with_fewer_old_people(judged, people):
    found, labels, wrong = judged
    count = int(wrong.sum())

    by_quality = np.argsort(found.quality)[:count]
    by_residual = np.argsort(-np.abs(found.predicted - labels))[:count]

    assert wrong[by_quality].sum() >= wrong[by_residual].sum()
    assert (people[1][by_quality] >= 60).sum() < (people[1][by_residual] >= 60).sum()


def test_qualities_lie_between_0_and_1_and_fall_with_the_distance_from_what_is_expected():
    expected = np.zeros((300, 121))
    expected[:, 40] = 1.0
    labels = np.concatenate([np.full(290, 40.0), np.arange(41.0, 51.0)])

    quality, _ = label_quality.right_probability(labels, expected)

    assert (
        ((quality >= 0) & (quality <= 1)).all()
        and (np.diff(quality[289:]) <= 0).all()
        and quality[-1] < 0.1 < 0.9 < quality[0]
    )


def test_photographs_of_one_group_are_in_one_fold_and_folds_are_alike_large():
    groups = [f"person {number // 3}" for number in range(900)]

    fold = label_quality.folds(groups)

    assert len({(group, int(one)) for group, one in zip(groups, fold)}) == 300
    assert np.bincount(fold, minlength=label_quality.FOLDS).tolist() == [180] * 5
    assert (label_quality.folds(groups) == fold).all()


def test_heads_do_not_see_the_labels_of_their_fold(people):
    features, ages, names = people
    fold = label_quality.folds(names)
    changed = np.where(fold == 0, 1.0, ages)

    before, after = (label_quality.cross_validated(features, labels, fold) for labels in (ages, changed))

    assert np.allclose(before[fold == 0], after[fold == 0], atol=1e-6)
    assert not np.allclose(before[fold == 1], after[fold == 1], atol=1e-3)


@pytest.mark.parametrize("names", [[f"{number}" for number in range(50)], ["a", "b"] * 100])
def test_too_few_photographs_or_groups_are_refused(names):
    with pytest.raises(ValueError, match="at least 100 of 5 groups are needed"):
        label_quality.judge(np.zeros((len(names), 3), np.float32), np.ones(len(names)), names)

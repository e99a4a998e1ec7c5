"""How often the comparison with the champion refuses a candidate, by how much worse it truly is: the power curve of the rule.

    make bench ARGS=gate_power

Photographs and both models' errors are drawn as they were found on real ones (`DECADES`, scaled to `MAE`): each decade of age has its
bias and its spread, and what makes a photograph hard makes it hard for both models, by `SHARED`.
"""

from collections.abc import Iterator

import numpy as np

from age.evaluation import paired_comparison
from schemas import features

MARGIN = 0.25
DRAWS = 200
PHOTOGRAPHS = (700, 100, 300, 2000)
WORSE_BY = (0.0, 0.125, 0.25, 0.375, 0.5, 0.75)

DECADES = (
    (94, 8.2, 6.6),
    (50, 10.0, 5.8),
    (218, 3.6, 5.0),
    (130, -1.4, 6.6),
    (72, -3.7, 9.1),
    (61, -6.5, 11.3),
    (41, -8.1, 8.8),
    (10, -11.5, 11.6),
    (18, -14.6, 16.1),
    (3, -26.0, 15.7),
)
"""For each decade of age the number of photographs, and mean and standard deviation (years) of a model's errors.

The model: ResNet50, conv5 and the head trained for one epoch on UTKFace; 697 test photographs.
"""

MAE = 5.64
"""Years; the errors are scaled to that of a model that is ready to serve, the one of the README."""

SHARED = 0.8
"""Correlation of two models' errors on the same photographs, within a decade. Assumed, not measured."""


class Draws:
    """Draws test sets on which a candidate is worse than the champion by a given number of years.

    Args:
        count: photographs in a set.
        seed: the same one gives the same sets.
    """

    def __init__(self, count: int, seed: int = 0):
        self._count = count
        self._random = np.random.default_rng(seed)
        self._shares, self._bias, self._spread = np.array(DECADES, dtype=float).T
        self._shares /= self._shares.sum()
        _, errors = self._errors(1_000_000)
        scale = MAE / float(np.abs(errors[0]).mean())
        self._bias, self._spread = self._bias * scale, self._spread * scale

    def _errors(self, count: int):
        which = self._random.choice(len(self._shares), count, p=self._shares)
        shared, own = self._random.normal(size=count), self._random.normal(size=(2, count))
        mixed = np.sqrt(SHARED) * shared + np.sqrt(1 - SHARED) * own
        return which, self._bias[which] + self._spread[which] * mixed

    def one(self, worse_by: float):
        """Returns errors of the candidate and of the champion (years), and which photographs are in which decade or gender."""
        which, (candidate, champion) = self._errors(self._count)
        slices = {
            (features.AGE_DECADE, features.age_decade(10.0 * decade)): which == decade for decade in range(len(self._shares))
        }
        female = self._random.random(self._count) < 0.5
        slices |= {("gender", "female"): female, ("gender", "male"): ~female}
        return candidate * (1 + worse_by / MAE), champion, slices


def refused(count: int, worse_by: float, draws: int = DRAWS) -> tuple[float, float]:
    """Returns the shares of draws in which the rule for all photographs, and any rule, refused the candidate."""
    drawn = Draws(count)
    whole = anywhere = 0
    for _ in range(draws):
        candidate, champion, slices = drawn.one(worse_by)
        comparison = paired_comparison.compare(candidate, champion, MARGIN, slices)
        whole += comparison.worse
        anywhere += comparison.refused
    return whole / draws, anywhere / draws


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields a line for each number of photographs and true difference; the data set is not looked at."""
    yield f"margin {MARGIN:g} years, {DRAWS} draws each; refused by the rule for all photographs, and by that or a slice's"
    for count in PHOTOGRAPHS:
        for worse_by in WORSE_BY:
            whole, anywhere = refused(count, worse_by)
            yield f"{count:5} photographs, worse by {worse_by:5.3f} years: {100 * whole:5.1f} %, {100 * anywhere:5.1f} %"

"""Compares what a model sees today with what it saw in the photographs that it was made for."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import pydantic

from age.drift import two_sample_tests
from age.drift.seen_photographs import SeenPhotographs
from age.drift.settings import DriftSettings
from age.drift.two_sample_tests import Outcome

FEATURES, PREDICTED_AGES, REAL_AGES = "features", "predicted_ages", "real_ages"
BRIGHTNESS, LONGER_SIDES, SHAPES = "brightness", "longer_sides", "shapes"

Test = Literal["maximum mean discrepancy", "Kolmogorov-Smirnov"]

FEWEST_LABELS = 20


class Spread(pydantic.BaseModel):
    """How numbers are spread.

    Attributes:
        mean: of them.
        median: of them.
        deciles: from the 10th to the 90th hundredth, nine numbers.
    """

    mean: float
    median: float
    deciles: list[float]


class Comparison(pydantic.BaseModel):
    """One thing that was compared.

    Attributes:
        name: such as `predicted_ages`.
        what: the same in words.
        test: how.
        statistic: how far both are apart; the larger, the farther.
        by_chance: what it stays below in 95 of 100 cases without drift.
        p_value: how often it is as large without drift.
        adjusted_p_value: the same, for all comparisons together.
        drifted: whether that is at most the significance.
        sentence: what was found.
        reference: of the photographs that the model was made for; None where it is no number.
        found: of those that were looked at.
    """

    name: str
    what: str
    test: Test
    statistic: float
    by_chance: float
    p_value: float
    adjusted_p_value: float
    drifted: bool
    sentence: str
    reference: Spread | None = None
    found: Spread | None = None


class Drift(pydantic.BaseModel):
    """What came of it; `age-pipeline drift --json` writes this.

    Attributes:
        drifted: whether anything has.
        sentence: that in words.
        source: what was looked at: a folder, or a server's histogram.
        model: directory of the model.
        model_version: its version; 0 where its directory is not named by one.
        photographs: how many were compared, or answers of a server.
        reference_photographs: with how many.
        unread: photographs that can't be read, and were left out.
        learnt_from: photographs that were left out because the model learnt from them or was chosen by them.
        significance: how often drift is found where there is none, at most.
        comparisons: everything that was compared.
    """

    drifted: bool
    sentence: str
    source: str
    model: str
    model_version: int
    photographs: int
    reference_photographs: int
    unread: int
    learnt_from: int
    significance: float
    comparisons: list[Comparison]


@dataclasses.dataclass(frozen=True)
class _Tested:
    name: str
    test: Test
    outcome: Outcome
    reference: Spread | None = None
    found: Spread | None = None


_WORDS = {
    FEATURES: "what the model sees in the photographs",
    PREDICTED_AGES: "predicted ages",
    REAL_AGES: "ages in the labels",
    BRIGHTNESS: "brightness",
    LONGER_SIDES: "longer sides",
    SHAPES: "width by height",
}
_UNITS = {
    PREDICTED_AGES: (" years", 1),
    REAL_AGES: (" years", 1),
    BRIGHTNESS: ("", 2),
    LONGER_SIDES: (" pixels", 0),
    SHAPES: ("", 2),
}


def of_photographs(reference: SeenPhotographs, found: SeenPhotographs, settings: DriftSettings) -> list[Comparison]:
    """Compares photographs: their features, predicted ages, brightness and sizes, and the labels where there are any.

    Args:
        reference: what the model saw in photographs that it was made for.
        found: in those of today.
        settings: how sure to be.
    """
    numbers: dict[str, tuple[two_sample_tests.Numbers, two_sample_tests.Numbers]] = {
        PREDICTED_AGES: (reference.predicted_ages, found.predicted_ages),
        BRIGHTNESS: (reference.brightness, found.brightness),
        LONGER_SIDES: (_longer_sides(reference), _longer_sides(found)),
        SHAPES: (reference.widths / reference.heights, found.widths / found.heights),
    }
    labels, labels_before = (ages[np.isfinite(ages)] for ages in (found.real_ages, reference.real_ages))
    if min(len(labels), len(labels_before)) >= FEWEST_LABELS:
        numbers[REAL_AGES] = (labels_before, labels)
    features = two_sample_tests.maximum_mean_discrepancy(reference.features, found.features, settings.permutations)
    tested = [_Tested(FEATURES, "maximum mean discrepancy", features)]
    for name, (one, other) in numbers.items():
        outcome = two_sample_tests.kolmogorov_smirnov(one, other, settings.permutations)
        tested.append(_Tested(name, "Kolmogorov-Smirnov", outcome, _spread(one), _spread(other)))
    return _judged(tested, settings)


def of_predicted_ages(
    reference: npt.NDArray[np.float32], ends: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], settings: DriftSettings
) -> list[Comparison]:
    """Compares a histogram of predicted ages.

    Args:
        reference: float32 `[m]`, ages that the model predicts for photographs that it was made for.
        ends: `[bins]`, ascending, years: up to which age each bin reaches, itself included; the last is infinite.
        counts: int `[bins]`, how many answers fall into each.
        settings: how sure to be.
    """
    before = np.bincount(np.searchsorted(ends, reference, side="left"), minlength=len(ends))
    outcome = two_sample_tests.kolmogorov_smirnov_of_counts(before, counts, settings.permutations)
    # What is known of an age in a bin: the middle of it.
    lower = np.concatenate([[0.0], ends[:-1]])
    middles = np.where(np.isfinite(ends), (lower + ends) / 2, lower)
    spreads = (_spread(np.repeat(middles, _few(each))) for each in (before, counts))
    return _judged([_Tested(PREDICTED_AGES, "Kolmogorov-Smirnov", outcome, *spreads)], settings)


def _few(counts: npt.NDArray[np.int64], most: int = 100_000) -> npt.NDArray[np.int64]:
    """Returns counts in the same proportions, of a sum that fits in memory."""
    total = int(counts.sum())
    return counts if total <= most else np.round(counts * (most / total)).astype(np.int64)


def sentence(comparisons: Sequence[Comparison]) -> str:
    """Says in one sentence what has drifted."""
    drifted = [comparison.what for comparison in comparisons if comparison.drifted]
    if not drifted:
        return "No drift was found."
    listed = drifted[0] if len(drifted) == 1 else f"{', '.join(drifted[:-1])} and {drifted[-1]}"
    return f"Drift was found in {listed}."


def _longer_sides(seen: SeenPhotographs) -> npt.NDArray[np.int32]:
    return np.maximum(seen.widths, seen.heights)


def _spread(numbers: two_sample_tests.Numbers) -> Spread:
    values = np.asarray(numbers, np.float64)
    deciles = np.quantile(values, np.arange(1, 10) / 10)
    return Spread(mean=float(values.mean()), median=float(np.median(values)), deciles=[float(each) for each in deciles])


def _judged(tested: Sequence[_Tested], settings: DriftSettings) -> list[Comparison]:
    adjusted = two_sample_tests.holm([each.outcome.p_value for each in tested])
    return [
        Comparison(
            name=each.name,
            what=_WORDS[each.name],
            test=each.test,
            adjusted_p_value=p_value,
            drifted=p_value <= settings.significance,
            sentence=_said(each, p_value <= settings.significance),
            reference=each.reference,
            found=each.found,
            **dataclasses.asdict(each.outcome),
        )
        for each, p_value in zip(tested, adjusted, strict=True)
    ]


def _said(tested: _Tested, drifted: bool) -> str:
    what = _WORDS[tested.name]
    what = what[0].upper() + what[1:]
    if tested.reference is None or tested.found is None:
        apart = f"a discrepancy of {tested.outcome.statistic:.3f}, where chance gives up to {tested.outcome.by_chance:.3f}"
        return f"{what} {'has changed' if drifted else 'has not clearly changed'}: {apart}."
    unit, digits = _UNITS[tested.name]
    change = tested.found.mean - tested.reference.mean
    means = f"{tested.found.mean:.{digits}f}{unit} on average, {tested.reference.mean:.{digits}f} when the model was made"
    if not drifted:
        return f"{what}: no clear change ({means})."
    if abs(change) < 0.5 * 10**-digits:
        return f"{what}: spread differently ({means})."
    return f"{what}: {abs(change):.{digits}f}{unit} {'higher' if change > 0 else 'lower'} ({means})."

"""Says for whom a model may serve: of which slices the test photographs say enough, and what.

A slice has a ceiling, `EvaluatorSettings.ceiling`. With its interval at most at the ceiling the evidence is adequate, with the
whole interval above it bad, and otherwise, or with few photographs, not enough. So that a gate over a dozen slices refuses no model
for the luck of a draw, and no group is promised what was not seen.
"""

import math
from collections.abc import Sequence
from itertools import groupby

from age.evaluation.prediction_errors import SliceErrors, mae_interval
from age.evaluation.settings import EvaluatorSettings
from schemas import features
from schemas.verdict import ADEQUATE, BAD, NOT_ENOUGH, Evidence, Group, Slice

_YEARS = 10


def judged(slices: Sequence[Slice], errors: SliceErrors, settings: EvaluatorSettings) -> list[Slice]:
    """Returns the slices with what the evidence says of each; those that are not small have an interval.

    Args:
        slices: as they were measured.
        errors: of the same photographs.
        settings: ceilings, and how few photographs are few.
    """
    found = []
    for entry in slices:
        small = entry.example_count is None or entry.example_count < settings.min_slice_examples
        interval = {} if small else {"mae_interval": mae_interval(errors.of(entry.feature, entry.value))}
        ceiling = settings.ceiling(entry.feature, entry.value)
        entry = entry.model_copy(update={"small": small, "ceiling": ceiling, **interval})
        named = f"{entry.feature}={entry.value}" in settings.slice_ceilings
        found.append(entry.model_copy(update={"evidence": _evidence(entry, named)}))
    return found


def _evidence(entry: Slice, named: bool) -> Evidence:
    """Returns what the evidence says of a slice; a ceiling that was set for it by name holds for the MAE itself."""
    if entry.mae is None:
        return BAD
    if named and entry.ceiling is not None and entry.mae > entry.ceiling:
        return BAD
    if entry.small or entry.mae_interval is None:
        return NOT_ENOUGH
    if entry.ceiling is None or named or entry.mae_interval.high <= entry.ceiling:
        return ADEQUATE
    return BAD if entry.mae_interval.low > entry.ceiling else NOT_ENOUGH


def refusals(slices: Sequence[Slice], settings: EvaluatorSettings) -> list[str]:
    """Says which slices are clearly above the ceiling of all slices, worst first; nothing where none is.

    What was set for a slice by name (`slice_ceilings`) is TFMA's to check.

    Args:
        slices: from `judged`.
        settings: that they were judged by.
    """
    refused = [
        (entry.mae, entry, entry.mae_interval, entry.ceiling)
        for entry in slices
        if entry.evidence == BAD
        and entry.mae is not None
        and entry.mae_interval is not None
        and entry.ceiling is not None
        and f"{entry.feature}={entry.value}" not in settings.slice_ceilings
    ]
    return [
        f"The MAE of the slice {entry.feature}={entry.value or '(blank)'} is {mae:.2f} years on {entry.example_count} test "
        f"photographs ({100 * interval.confidence:.0f} % interval {interval.low:.2f} to {interval.high:.2f}), clearly above the "
        f"{ceiling:g} years that a slice may have: {settings.max_slice_mae:g} times {settings.max_mae:g} "
        "(evaluator.max_slice_mae)."
        for mae, entry, interval, ceiling in sorted(refused, key=lambda found: -found[0])
    ]


def groups(slices: Sequence[Slice]) -> list[Group]:
    """Returns for whom the evidence says what: all ages in ranges, youngest first, then the attributes' values.

    Neighbouring decades with the same evidence are one range. Decades without a photograph are there too, and the last range has no
    end. A blank is no value that people have: it is left out, unless the evidence is bad.

    Args:
        slices: from `judged`.
    """
    decades = {_first_age(entry): entry for entry in slices if entry.feature == features.AGE_DECADE}
    return [
        *_age_ranges(decades),
        *(
            Group(
                attribute=entry.feature,
                value=entry.value,
                lowest_age=None,
                highest_age=None,
                evidence=entry.evidence or NOT_ENOUGH,
                example_count=entry.example_count or 0,
                mae=entry.mae,
                bias=entry.bias,
            )
            for entry in slices
            if entry.feature != features.AGE_DECADE and (entry.value or entry.evidence == BAD)
        ),
    ]


def _first_age(entry: Slice) -> int:
    return int(entry.value.split("-")[0])


def _age_ranges(decades: dict[int, Slice]) -> list[Group]:
    if not decades:
        return []
    end = max(decades) + _YEARS
    evidence = {
        start: decades[start].evidence or NOT_ENOUGH if start in decades else NOT_ENOUGH for start in range(0, end + 1, _YEARS)
    }
    ranges = []
    for found, run in groupby(evidence, key=lambda start: evidence[start]):
        starts = list(run)
        members = [decades[start] for start in starts if start in decades]
        ranges.append(
            Group(
                attribute=None,
                value=None,
                lowest_age=starts[0],
                highest_age=None if starts[-1] == end else starts[-1] + _YEARS - 1,
                evidence=found,
                example_count=sum(entry.example_count or 0 for entry in members),
                mae=_mean([(entry.mae, entry.example_count or 0) for entry in members]),
                bias=_mean([(entry.bias, entry.example_count or 0) for entry in members]),
            )
        )
    return ranges


def _mean(weighted: Sequence[tuple[float | None, int]]) -> float | None:
    total = sum(count for _, count in weighted)
    if not total:
        return None
    return sum((math.nan if value is None else value) * count for value, count in weighted) / total

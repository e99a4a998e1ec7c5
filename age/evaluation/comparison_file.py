"""The file `comparison.json` beside an evaluation: how the candidate compares with versions being served, and why it is refused."""

import numpy as np
import pydantic

from age import storage
from age.evaluation.paired_comparison import Comparison, Difference, Errors
from schemas import verdict

COMPARISON_FILE = "comparison.json"


class SliceDifference(pydantic.BaseModel):
    """The difference on one slice."""

    feature: str
    value: str
    difference: verdict.Difference


class WrittenComparison(pydantic.BaseModel):
    """What the file holds.

    Attributes:
        whole: from the champion, on all test photographs.
        slices: by slice.
        reasons: why the candidate is refused, in sentences; empty where it is not.
        learnt_from: how many test photographs the champion learnt from, which are left out; None where it does not tell.
        best_version: the other version that the candidate was compared with, or None.
    """

    whole: verdict.Difference
    slices: list[SliceDifference]
    reasons: list[str]
    learnt_from: int | None
    best_version: verdict.Champion | None

    def of(self, feature: str, value: str) -> verdict.Difference | None:
        """Returns the difference on a slice, or None where it was not compared."""
        return next((one.difference for one in self.slices if (one.feature, one.value) == (feature, value)), None)


def _written(found: Difference) -> verdict.Difference:
    return verdict.Difference(
        mean=found.mean,
        low=found.low,
        high=found.high,
        confidence=found.confidence,
        example_count=found.count,
        detectable=found.detectable,
    )


def best_version(
    version: int, ages: Errors, real_age: Errors, comparison: Comparison, learnt_from: int | None
) -> verdict.Champion:
    """Describes the other version that a candidate was compared with.

    Args:
        version: its number.
        ages: float64[n], what it answered, years.
        real_age: float64[n], years.
        comparison: of the candidate with it.
        learnt_from: how many of the photographs it learnt from; None where it does not tell.
    """
    errors = (ages - real_age)[np.isfinite(ages)]
    metrics = verdict.Metrics(
        mae=float(np.abs(errors).mean()) if len(errors) else None,
        rmse=float(np.sqrt((errors**2).mean())) if len(errors) else None,
        bias=float(errors.mean()) if len(errors) else None,
        within_5_years=float((np.abs(errors) <= 5).mean()) if len(errors) else None,
        example_count=len(errors),
    )
    return verdict.Champion(version=version, metrics=metrics, difference=_written(comparison.whole), learnt_from=learnt_from)


def write(
    directory: str,
    comparison: Comparison,
    reasons: list[str],
    learnt_from: int | None = None,
    best_version: verdict.Champion | None = None,
) -> WrittenComparison:
    """Writes a comparison beside an evaluation.

    Args:
        directory: of the evaluation.
        comparison: of the candidate with the champion.
        reasons: why the candidate is refused, in sentences.
        learnt_from: how many test photographs the champion learnt from; None where it does not tell.
        best_version: the other version that the candidate was compared with, or None.
    """
    written = WrittenComparison(
        whole=_written(comparison.whole),
        slices=[
            SliceDifference(feature=feature, value=value, difference=_written(found))
            for (feature, value), found in comparison.slices.items()
        ],
        reasons=reasons,
        learnt_from=learnt_from,
        best_version=best_version,
    )
    storage.write_text(storage.join(directory, COMPARISON_FILE), written.model_dump_json(indent=2) + "\n")
    return written


def read(directory: str) -> WrittenComparison | None:
    """Reads the comparison beside an evaluation; None where there was no champion."""
    path = storage.join(directory, COMPARISON_FILE)
    return WrittenComparison.model_validate_json(storage.read_bytes(path)) if storage.exists(path) else None

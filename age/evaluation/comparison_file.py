"""The file `comparison.json` beside an evaluation: how the candidate compares with the champion, and why it is refused."""

import pydantic

from age import storage
from age.evaluation.paired_comparison import Comparison, Difference, sentences
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
        whole: on all test photographs.
        slices: by slice.
        reasons: why the candidate is refused, in sentences; empty where it is not.
    """

    whole: verdict.Difference
    slices: list[SliceDifference]
    reasons: list[str]

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


def write(directory: str, comparison: Comparison, margin: float, version: int) -> WrittenComparison:
    """Writes a comparison beside an evaluation.

    Args:
        directory: of the evaluation.
        comparison: of the candidate with the champion.
        margin: that was allowed, years.
        version: of the champion.
    """
    written = WrittenComparison(
        whole=_written(comparison.whole),
        slices=[
            SliceDifference(feature=feature, value=value, difference=_written(found))
            for (feature, value), found in comparison.slices.items()
        ],
        reasons=sentences(comparison, margin, version),
    )
    storage.write_text(storage.join(directory, COMPARISON_FILE), written.model_dump_json(indent=2) + "\n")
    return written


def read(directory: str) -> WrittenComparison | None:
    """Reads the comparison beside an evaluation; None where there was no champion."""
    path = storage.join(directory, COMPARISON_FILE)
    return WrittenComparison.model_validate_json(storage.read_bytes(path)) if storage.exists(path) else None

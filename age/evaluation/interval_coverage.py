"""How often a model's intervals hold the real age, and how wide they are: in the whole, by decade of age, and by group.

What was found lies beside an evaluation as `intervals.json`.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pydantic

from age import storage
from age.evaluation.predictions_file import PredictionColumns
from age.evaluation.settings import EvaluatorSettings
from schemas import features
from schemas.verdict import Coverage, Intervals, SliceCoverage

INTERVALS_FILE = "intervals.json"


class MeasuredIntervals(pydantic.BaseModel):
    """What the file holds.

    Attributes:
        intervals: what was measured; None where the model answers with no intervals.
        reasons: why the model is refused for it, in sentences; empty where it is not.
    """

    intervals: Intervals | None
    reasons: list[str]


def measure(predictions: PredictionColumns, sliced_by: Sequence[str]) -> Intervals | None:
    """Returns coverage and width of the intervals.

    A photograph that the model could not answer for counts as one whose age no interval holds.

    Args:
        predictions: of the test photographs.
        sliced_by: attribute columns, beside the decade of real age.

    Returns:
        None where the model answers with no intervals.
    """
    low, high = predictions.age_low, predictions.age_high
    if low is None or high is None:
        return None
    holds = (low <= predictions.real_age) & (predictions.real_age <= high)
    widths = high - low

    def of(chosen: npt.NDArray[np.bool_]) -> dict[str, float | int | None]:
        answered = widths[chosen & np.isfinite(widths)]
        return {
            "coverage": float(holds[chosen].mean()) if chosen.any() else None,
            "mean_width": float(answered.mean()) if len(answered) else None,
            "example_count": int(chosen.sum()),
        }

    decades = np.floor(predictions.real_age / 10).astype(int)
    slices = [(features.AGE_DECADE, features.age_decade(10.0 * decade), decades == decade) for decade in np.unique(decades)]
    for name in sliced_by:
        values, codes = predictions.attributes[name]
        slices += [(name, value, codes == place) for place, value in sorted(enumerate(values), key=lambda one: one[1])]
    return Intervals(
        whole=Coverage.model_validate(of(np.ones(len(holds), bool))),
        slices=[SliceCoverage.model_validate({"feature": name, "value": value, **of(rows)}) for name, value, rows in slices],
    )


def refusals(intervals: Intervals | None, settings: EvaluatorSettings) -> list[str]:
    """Says why a model is refused for its intervals; nothing where it is not.

    Args:
        intervals: from `measure`.
        settings: what is asked for.
    """
    asked = settings.min_coverage
    if asked is None:
        return []
    if intervals is None:
        return [
            f"The model answers with no intervals, and {100 * asked:g} % of the real ages should lie in them "
            "(evaluator.min_coverage). Set trainer.loss to label_distribution or mean_variance, or ask for no coverage."
        ]
    found = intervals.whole
    if found.coverage is not None and found.coverage >= asked:
        return []
    return [
        f"The intervals hold {100 * (found.coverage or 0):.1f} % of the real ages of {found.example_count} test photographs; at least "
        f"{100 * asked:g} % are asked for (evaluator.min_coverage)."
    ]


def write(directory: str, intervals: Intervals | None, reasons: Sequence[str]) -> None:
    """Writes beside an evaluation what was measured, and why the model is refused for it."""
    content = MeasuredIntervals(intervals=intervals, reasons=list(reasons))
    storage.write_text(storage.join(directory, INTERVALS_FILE), content.model_dump_json(indent=2) + "\n")


def read(directory: str) -> MeasuredIntervals:
    """Reads what lies beside an evaluation; no intervals where nothing does."""
    path = storage.join(directory, INTERVALS_FILE)
    if not storage.exists(path):
        return MeasuredIntervals(intervals=None, reasons=[])
    return MeasuredIntervals.model_validate_json(storage.read_bytes(path))

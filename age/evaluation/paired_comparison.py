"""Says whether a candidate is worse than the champion, from what both answered for the same photographs.

The difference of two mean absolute errors on the same photographs is the mean of the differences of each photograph. What is
hard to tell about a photograph is hard for both models, so that these differ much less than two sets of photographs would.

Two rules refuse a candidate:

- all photographs: it is worse by more than the margin, and worse at all with 95 % confidence (the whole interval is above 0).
  On many photographs the margin decides, on few the interval, which keeps an equally good model from being refused by chance;
- a slice with enough photographs: it is worse by more than the margin with 99 % confidence (the whole interval is above it).
  There are a dozen slices or more, and one in forty would be there by chance with 95 %.

`make bench ARGS=gate_power` draws the curve that says how often they refuse which candidate.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from age.evaluation import prediction_errors
from age.evaluation.predictions_file import PredictionColumns
from schemas import features

Errors = npt.NDArray[np.float64]

SLICE_CONFIDENCE = 0.99

_REFUSED_AT_POWER = 1.281552
_TWO_SIDED = 1.959964


@dataclasses.dataclass(frozen=True)
class Difference:
    """By how much a candidate is worse than the champion on the same photographs.

    Attributes:
        mean: MAE of the candidate minus MAE of the champion, years; above 0 the candidate is worse.
        low: lower end of the confidence interval of the mean, years; NaN where there is none.
        high: upper end.
        confidence: of the interval, 0 to 1.
        count: number of photographs that both could answer for.
        detectable: a candidate that truly is so many years worse would be refused in 90 % of draws of as many photographs
            under the rule for all photographs; NaN likewise.
    """

    mean: float
    low: float
    high: float
    confidence: float
    count: int
    detectable: float


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A candidate against the champion.

    Attributes:
        whole: on all photographs.
        slices: by `(feature, value)`, such as `("gender", "female")`.
        worse: whether the rule for all photographs refuses the candidate.
        worse_slices: the slices whose rule refuses it, worst first.
    """

    whole: Difference
    slices: Mapping[tuple[str, str], Difference]
    worse: bool
    worse_slices: tuple[tuple[str, str], ...]

    def tells(self, margin: float) -> bool:
        """Whether there are photographs enough to refuse, in 90 % of draws, what truly is worse by twice the margin."""
        return self.whole.detectable <= 2 * margin

    @property
    def refused(self) -> bool:
        """Whether any rule refuses the candidate."""
        return self.worse or bool(self.worse_slices)


def difference(
    candidate: Errors, champion: Errors, margin: float, confidence: float = prediction_errors.CONFIDENCE
) -> Difference:
    """Compares the errors of two models on the same photographs.

    The interval is the paired percentile bootstrap: photographs are drawn, and each brings both models' errors along.

    Args:
        candidate: float64[n], predicted minus real age, years, in the same order as the champion's; NaN where the model had no
            answer.
        champion: float64[n].
        margin: by how many years the candidate may be worse.
        confidence: of the interval, 0 to 1.
    """
    worse_by = np.abs(candidate) - np.abs(champion)
    worse_by = worse_by[np.isfinite(worse_by)]
    interval = prediction_errors.mean_interval(worse_by, confidence)
    if interval is None:
        return Difference(
            float(worse_by.mean()) if len(worse_by) else math.nan, math.nan, math.nan, confidence, len(worse_by), math.nan
        )
    error = float(worse_by.std(ddof=1)) / math.sqrt(len(worse_by))
    return Difference(
        mean=float(worse_by.mean()),
        low=interval.low,
        high=interval.high,
        confidence=confidence,
        count=len(worse_by),
        detectable=max(margin, _TWO_SIDED * error) + _REFUSED_AT_POWER * error,
    )


def compare(
    candidate: Errors,
    champion: Errors,
    margin: float,
    slices: Mapping[tuple[str, str], npt.NDArray[np.bool_]] | None = None,
    min_slice_examples: int = 30,
) -> Comparison:
    """Compares two models on the same photographs, overall and by slice.

    Args:
        candidate: float64[n], predicted minus real age, years; NaN where the model had no answer.
        champion: float64[n], of the same photographs in the same order.
        margin: by how many years the candidate may be worse.
        slices: for each `(feature, value)`, bool[n] that says which photographs are in it.
        min_slice_examples: slices with fewer photographs are compared and never refuse.
    """
    whole = difference(candidate, champion, margin)
    by_slice = {
        name: difference(candidate[chosen], champion[chosen], margin, SLICE_CONFIDENCE)
        for name, chosen in (slices or {}).items()
    }
    worse_slices = [name for name, found in by_slice.items() if found.count >= min_slice_examples and found.low > margin]
    return Comparison(
        whole=whole,
        slices=by_slice,
        worse=_is_worse(whole, margin),
        worse_slices=tuple(sorted(worse_slices, key=lambda name: (-by_slice[name].mean, name))),
    )


def _is_worse(whole: Difference, margin: float) -> bool:
    return whole.mean > margin and whole.low > 0


def sentences(comparison: Comparison, margin: float, version: int, standing: str = "which is being served") -> list[str]:
    """Says why a candidate is refused, a sentence for each reason; nothing where it is not.

    Args:
        comparison: from `compare`.
        margin: that was allowed, years.
        version: of the champion.
        standing: what makes it one.
    """
    said = []
    named = f"version {version}, {standing}"
    if comparison.worse:
        said.append(_sentence(comparison.whole, "", margin, named))
    for feature, value in comparison.worse_slices:
        said.append(
            _sentence(comparison.slices[feature, value], f" in the slice {feature}={value or '(blank)'}", margin, named)
        )
    return said


def _sentence(found: Difference, where: str, margin: float, named: str) -> str:
    interval = f"{100 * found.confidence:.0f} % interval {found.low:.2f} to {found.high:.2f}"
    return (
        f"The MAE{where} is {found.mean:.2f} years worse than that of {named}, on the same "
        f"{found.count} test photographs ({interval}); allowed is at most {margin:g} (evaluator.max_regression)."
    )


def learnt_from(predictions: PredictionColumns, training: npt.NDArray[np.uint64] | None) -> npt.NDArray[np.bool_] | None:
    """Returns bool[n], which of the test photographs a model learnt from; None where it does not tell.

    Args:
        predictions: read from a file, with `images`.
        training: what `age.serving.training_images.read` says of the model.
    """
    if training is None or predictions.images is None:
        return None
    return np.isin(predictions.images, training)


def of_predictions(
    predictions: PredictionColumns,
    sliced_by: Sequence[str],
    margin: float,
    min_slice_examples: int,
    champion_age: Errors | None = None,
    left_out: npt.NDArray[np.bool_] | None = None,
) -> Comparison | None:
    """Compares what two models answered for the test photographs.

    Args:
        predictions: of the candidate and the champion.
        sliced_by: attribute columns, beside the decade of age.
        margin: by how many years the candidate may be worse.
        min_slice_examples: slices with fewer photographs are compared and never refuse.
        champion_age: float64[n], what another model than the champion answered, years; None for the champion.
        left_out: bool[n], photographs that are not compared; None for none.

    Returns:
        None where no champion answered.
    """
    champion_age = predictions.champion_age if champion_age is None else champion_age
    if champion_age is None:
        return None
    champion = champion_age - predictions.real_age
    if left_out is not None:
        champion = np.where(left_out, math.nan, champion)
    decades = np.floor(predictions.real_age / 10).astype(int)
    slices = {(features.AGE_DECADE, features.age_decade(10.0 * decade)): decades == decade for decade in np.unique(decades)}
    for name in sliced_by:
        values, codes = predictions.attributes[name]
        slices.update({(name, value): codes == place for place, value in enumerate(values)})
    return compare(
        predictions.predicted_age - predictions.real_age,
        champion,
        margin,
        slices,
        min_slice_examples,
    )

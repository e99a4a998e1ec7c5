"""What the predictions of the test photographs say beyond TFMA's metrics: how sure the MAE is, and where it is worst."""

import statistics

import numpy as np
import numpy.typing as npt

from age.evaluation.predictions_file import PredictionColumns
from schemas import features
from schemas.verdict import ConstantBaseline, Interval, Slice

CONFIDENCE = 0.95
RESAMPLES = 2000
_SEED = 20150701
_LARGEST_BOOTSTRAP = 50_000
_DRAWS_AT_ONCE = 1_000_000

BOOTSTRAP = "percentile bootstrap"
NORMAL = "normal approximation"


def mae_interval(errors: npt.NDArray[np.float64]) -> Interval | None:
    """Returns a confidence interval of the mean absolute error (see `mean_interval`).

    Args:
        errors: float64[n], predicted minus real age, years.
    """
    return mean_interval(np.abs(errors))


def mean_interval(values: npt.NDArray[np.float64], confidence: float = CONFIDENCE) -> Interval | None:
    """Returns a confidence interval of a mean.

    Up to 50,000 photographs it is the percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, 1993,
    chapter 13), with a fixed seed; the mean of more than that is so nearly normal that the bootstrap adds nothing, and
    the interval is mean ± 1.96 standard errors (at 95 %).

    Args:
        values: float64[n], one for each photograph.
        confidence: share of such intervals that hold the true mean, 0 to 1.

    Returns:
        None where there are fewer than two photographs or a value is not a number.
    """
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    if len(values) > _LARGEST_BOOTSTRAP:
        half = statistics.NormalDist().inv_cdf((1 + confidence) / 2) * values.std(ddof=1) / np.sqrt(len(values))
        low, high = values.mean() - half, values.mean() + half
        method, resamples = NORMAL, 0
    else:
        tail = (1 - confidence) / 2
        low, high = np.quantile(_resampled_means(values), [tail, 1 - tail])
        method, resamples = BOOTSTRAP, RESAMPLES
    return Interval(low=float(low), high=float(high), confidence=confidence, resamples=resamples, method=method)


def _resampled_means(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns the means of RESAMPLES draws of n values with replacement; memory does not grow with n times that."""
    random = np.random.default_rng(_SEED)
    at_once = max(1, _DRAWS_AT_ONCE // len(values))
    means = []
    for start in range(0, RESAMPLES, at_once):
        drawn = random.integers(0, len(values), size=(min(at_once, RESAMPLES - start), len(values)), dtype=np.int32)
        means.append(values[drawn].mean(axis=1))
    return np.concatenate(means)


def constant_baseline(predictions: PredictionColumns, median_training_age: float | None) -> ConstantBaseline | None:
    """Returns what always answering the median of the training ages comes to.

    The median is the constant with the least mean absolute error: what a model must beat to have learnt anything from the picture.

    Args:
        predictions: of the test photographs.
        median_training_age: years; None where there is none.
    """
    if not len(predictions.real_age) or median_training_age is None:
        return None
    mae = float(np.abs(predictions.real_age - median_training_age).mean())
    return ConstantBaseline(answer="median", age=median_training_age, mae=mae)


class SliceErrors:
    """Finds the errors of a slice's photographs."""

    def __init__(self, predictions: PredictionColumns):
        self._predictions = predictions
        decades, self._decade_codes = np.unique(np.floor(predictions.real_age / 10), return_inverse=True)
        self._decades = [features.age_decade(10 * decade) for decade in decades]
        self.errors = predictions.predicted_age - predictions.real_age

    def of(self, feature: str, value: str) -> npt.NDArray[np.float64]:
        """Returns the errors (years) of the photographs whose `feature` is `value`, such as `age_decade`, `20-29`."""
        if feature == features.AGE_DECADE:
            values, codes = self._decades, self._decade_codes
        else:
            values, codes = self._predictions.attributes[feature]
        return self.errors[codes == values.index(value)] if value in values else self.errors[:0]


def _named(feature: str, value: str) -> str:
    if feature == features.AGE_DECADE:
        return f"Ages {value}"
    return f"{feature} {value or '(blank)'}"


def weakest_slices(slices: list[Slice], mae: float | None) -> list[str]:
    """Names the slices whose error is clearly above the whole, worst first; small slices are never judged.

    Clearly means that the slice's whole confidence interval lies above the MAE of all test photographs.

    Args:
        slices: from `evidence.judged`.
        mae: of all test photographs, years.
    """
    if mae is None:
        return []
    worse = [
        (entry.mae, entry, entry.mae_interval)
        for entry in slices
        if entry.mae is not None and entry.mae_interval is not None and entry.mae_interval.low > mae
    ]
    return [
        f"{_named(entry.feature, entry.value)}: MAE {worst:.1f} years (interval {interval.low:.1f} to {interval.high:.1f}) on "
        f"{entry.example_count} photographs, against {mae:.1f} over all."
        for worst, entry, interval in sorted(worse, key=lambda found: -found[0])
    ]

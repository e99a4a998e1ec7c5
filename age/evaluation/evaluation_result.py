"""Reads what TFMA wrote: metrics by slice, and why a model was not blessed."""

import dataclasses

import tensorflow_model_analysis as tfma

from age.evaluation import age_metrics

_NAMES = {
    age_metrics.MEAN_ABSOLUTE_ERROR: "mae",
    age_metrics.ROOT_MEAN_SQUARED_ERROR: "rmse",
    age_metrics.MEAN_ERROR: "bias",
    age_metrics.WITHIN_FIVE_YEARS: "within_5_years",
    age_metrics.EXAMPLE_COUNT: "example_count",
}
_BASELINE = "baseline"


@dataclasses.dataclass(frozen=True)
class EvaluationResult:
    """What was measured on the test split.

    Attributes:
        metrics: `mae`, `rmse`, `bias` (years), `within_5_years` (0 to 1), `example_count` of the candidate.
        champion_metrics: the same of the baseline, or None.
        slices: one dictionary for each slice: `feature`, `value` and the metrics of the candidate.
        validation_ok: whether every threshold was met.
        reasons: a sentence for each one that was not.
    """

    metrics: dict[str, float]
    champion_metrics: dict[str, float] | None
    slices: list[dict]
    validation_ok: bool
    reasons: list[str]


def _value(metric_value) -> float:
    kind = metric_value.WhichOneof("type")
    value = getattr(metric_value, kind)
    return float(value.value if hasattr(value, "value") else value)


def _slice_of(slice_key):
    """Returns `(feature, value)` of a slice with one feature, or None for the whole split."""
    if not slice_key.single_slice_keys:
        return None
    single = slice_key.single_slice_keys[0]
    value = getattr(single, single.WhichOneof("kind"))
    return single.column, value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _slice_order(entry):
    value = entry["value"]
    start = value.split("-")[0]
    return entry["feature"] != "age_decade", entry["feature"], int(start) if start.isdigit() else 0, value


def _sentence(failure, where, champion_metrics, count: float) -> str:
    name, value = failure.metric_key.name, _value(failure.metric_value)
    subject = "" if where is None else f" of the slice {where[0]}={where[1] or '(blank)'}"
    threshold = failure.metric_threshold
    if failure.metric_key.is_diff:
        before = f" ({champion_metrics['mae']:.2f})" if champion_metrics else ""
        return (
            f"The MAE is {value:.2f} years worse than that of the model being served{before}; allowed is at most "
            f"{threshold.change_threshold.absolute.value:g} (evaluator.max_regression)."
        )
    if name == age_metrics.EXAMPLE_COUNT:
        return (
            f"The test split has {value:.0f} examples; at least {threshold.value_threshold.lower_bound.value:g} are needed "
            "(evaluator.min_examples)."
        )
    key = "evaluator.max_mae" if where is None else "evaluator.slice_ceilings"
    if value != value:
        return f"The MAE{subject} is not a number: the model could not answer for every test photograph ({key})."
    return (
        f"The MAE{subject} is {value:.2f} years on {count:.0f} test photographs; allowed is at most "
        f"{threshold.value_threshold.upper_bound.value:g} ({key})."
    )


def read(evaluation_dir: str) -> EvaluationResult:
    """Reads the evaluation that TFMA wrote into `evaluation_dir`."""
    by_slice: dict = {}
    champion_metrics: dict[str, float] = {}
    for measured in tfma.load_metrics(evaluation_dir):
        where = _slice_of(measured.slice_key)
        metrics = by_slice.setdefault(where, {})
        for pair in measured.metric_keys_and_values:
            name = _NAMES.get(pair.key.name)
            if name is None or pair.key.is_diff:
                continue
            value = _value(pair.value)
            value = int(value) if name == "example_count" else value
            if pair.key.model_name == _BASELINE:
                if where is None:
                    champion_metrics[name] = value
            else:
                metrics[name] = value
    overall = by_slice.pop(None)
    slices = [{"feature": feature, "value": value, **metrics} for (feature, value), metrics in by_slice.items()]
    champion = champion_metrics or None

    validation = tfma.load_validation_result(evaluation_dir)
    reasons = []
    for per_slice in validation.metric_validations_per_slice:
        where = _slice_of(per_slice.slice_key)
        count = (overall if where is None else by_slice.get(where, {})).get("example_count", 0)
        reasons.extend(_sentence(failure, where, champion, count) for failure in per_slice.failures)
    for missing in validation.missing_slices:
        named = ", ".join(f"{key}={value}" for key, value in missing.feature_values.items())
        reasons.append(
            f"The test split has no slice {named}, for which evaluator.slice_ceilings sets a ceiling. Mend the name or give "
            "more photographs."
        )
    return EvaluationResult(
        metrics=overall,
        champion_metrics=champion,
        slices=sorted(slices, key=_slice_order),
        validation_ok=validation.validation_ok,
        reasons=reasons,
    )

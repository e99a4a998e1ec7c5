"""Reads what TFMA wrote: metrics by slice, and why a model was not blessed."""

import dataclasses
import fnmatch
from collections.abc import Iterator

from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from age import storage
from age.evaluation import comparison_file, interval_coverage, judged_slices_file, metric_names, robustness
from schemas import features
from schemas.verdict import Champion, Difference, Intervals, Metrics, Robustness, Slice

_NAMES = {
    metric_names.MEAN_ABSOLUTE_ERROR: "mae",
    metric_names.ROOT_MEAN_SQUARED_ERROR: "rmse",
    metric_names.MEAN_ERROR: "bias",
    metric_names.WITHIN_FIVE_YEARS: "within_5_years",
    metric_names.EXAMPLE_COUNT: "example_count",
}
_SHOWN = {"mae", "bias", "within_5_years"}
_BASELINE = "baseline"

_Where = tuple[str, str] | None
"""Feature and value of a slice; None for the whole split."""


@dataclasses.dataclass(frozen=True)
class EvaluationResult:
    """What was measured on the test split.

    Attributes:
        metrics: of the candidate.
        champion_metrics: of the baseline, or None.
        difference: of the candidate from the baseline, or None.
        learnt_from: how many test photographs the baseline learnt from, which the difference leaves out; None where it does not
            tell.
        best_version: the other version that the candidate was compared with, or None.
        intervals: how far the candidate's intervals can be trusted; None where it answers with none.
        robustness: how far it is off on photographs made worse; None where that was not measured.
        slices: of the candidate; what the evidence says of each, once that was judged.
        validation_ok: whether every threshold was met.
        reasons: a sentence for each one that was not.
    """

    metrics: Metrics
    champion_metrics: Metrics | None
    difference: Difference | None
    slices: list[Slice]
    validation_ok: bool
    reasons: list[str]
    learnt_from: int | None = None
    best_version: Champion | None = None
    intervals: Intervals | None = None
    robustness: Robustness | None = None

    def by_name(self) -> dict[str, float]:
        """Returns what is shown beside a run, under names such as `mae` and `mae gender=female`; numbers alone."""
        measured = {"": self.metrics, **{f" {one.feature}={one.value}": one for one in self.slices}}
        return {
            name + where: value
            for where, metrics in measured.items()
            for name, value in metrics.model_dump(include=_SHOWN).items()
            if value is not None
        }


def _value(metric_value: metrics_for_slice_pb2.MetricValue) -> float:
    kind = metric_value.WhichOneof("type")
    value = getattr(metric_value, kind)
    return float(value.value if hasattr(value, "value") else value)


def _slice_of(slice_key: metrics_for_slice_pb2.SliceKey) -> _Where:
    if not slice_key.single_slice_keys:
        return None
    single = slice_key.single_slice_keys[0]
    value = getattr(single, single.WhichOneof("kind"))
    return single.column, value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _slice_order(entry: Slice) -> tuple[bool, str, int, str]:
    start = entry.value.split("-")[0]
    return entry.feature != features.AGE_DECADE, entry.feature, int(start) if start.isdigit() else 0, entry.value


def _sentence(failure: validation_result_pb2.ValidationFailure, where: _Where, count: int) -> str:
    name, value = failure.metric_key.name, _value(failure.metric_value)
    subject = "" if where is None else f" of the slice {where[0]}={where[1] or '(blank)'}"
    threshold = failure.metric_threshold
    if name == metric_names.EXAMPLE_COUNT:
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


def _records(evaluation_dir: str, kind: str) -> Iterator[bytes]:
    """Yields what TFMA wrote, `metrics` or `validations`, as serialized protos; TFMA's own functions for it need all of TFMA."""
    import tensorflow as tf

    for name in fnmatch.filter(storage.list_directory(evaluation_dir), f"{kind}*.tfrecord"):
        yield from tf.compat.v1.io.tf_record_iterator(storage.join(evaluation_dir, name))


def _measured(evaluation_dir: str) -> tuple[dict[_Where, dict[str, float]], dict[str, float]]:
    """Returns the metrics of the candidate by slice, and those of the baseline on the whole split."""
    by_slice: dict[_Where, dict[str, float]] = {}
    of_baseline: dict[str, float] = {}
    for record in _records(evaluation_dir, "metrics"):
        measured = metrics_for_slice_pb2.MetricsForSlice.FromString(record)
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
                    of_baseline[name] = value
            else:
                metrics[name] = value
    return by_slice, of_baseline


def read(evaluation_dir: str) -> EvaluationResult:
    """Reads the evaluation that TFMA wrote into `evaluation_dir`, and what was made of it and lies beside it."""
    by_slice, of_baseline = _measured(evaluation_dir)
    compared = comparison_file.read(evaluation_dir)
    judged = judged_slices_file.read(evaluation_dir)
    intervals = interval_coverage.read(evaluation_dir)
    made_worse = robustness.read(evaluation_dir)
    own_reasons = [
        *(judged.reasons if judged else []),
        *intervals.reasons,
        *made_worse.reasons,
        *(compared.reasons if compared else []),
    ]
    (record,) = _records(evaluation_dir, "validations")
    validation = validation_result_pb2.ValidationResult.FromString(record)
    reasons: list[str] = []
    for per_slice in validation.metric_validations_per_slice:
        where = _slice_of(per_slice.slice_key)
        count = int(by_slice.get(where, {}).get("example_count", 0))
        reasons.extend(_sentence(failure, where, count) for failure in per_slice.failures)
    for missing in validation.missing_slices:
        named = ", ".join(f"{key}={value}" for key, value in missing.feature_values.items())
        unsliced = sorted(set(missing.feature_values) - {where[0] for where in by_slice if where})
        if unsliced:
            reasons.append(
                f"evaluator.slice_ceilings sets a ceiling for {named}, and nothing is sliced by {unsliced[0]}: there is no such "
                "attribute column, evaluator.slice_attributes leaves it out, or it has more values than "
                "evaluator.max_slice_values. Mend the name, or have it sliced by."
            )
            continue
        reasons.append(
            f"The test split has no slice {named}, for which evaluator.slice_ceilings sets a ceiling. Mend the name or give "
            "more photographs."
        )
    slices = []
    for where, metrics in by_slice.items():
        if where is not None:
            difference = compared.of(*where) if compared else None
            found = {"feature": where[0], "value": where[1], **metrics, **({"difference": difference} if difference else {})}
            slices.append(Slice.model_validate(found))
    return EvaluationResult(
        metrics=Metrics.model_validate(by_slice[None]),
        champion_metrics=Metrics.model_validate(of_baseline) if of_baseline else None,
        difference=compared.whole if compared else None,
        slices=judged.slices if judged else sorted(slices, key=_slice_order),
        validation_ok=validation.validation_ok and not own_reasons,
        reasons=[*reasons, *own_reasons],
        learnt_from=compared.learnt_from if compared else None,
        best_version=compared.best_version if compared else None,
        intervals=intervals.intervals,
        robustness=made_worse.robustness,
    )

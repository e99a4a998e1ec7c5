"""Makes TFMA's evaluation configuration: metrics, thresholds and slices."""

import json
from collections.abc import Iterable

from tensorflow_model_analysis.proto import config_pb2

from age.evaluation import age_metrics
from schemas import features

SIGNATURE = "serving_examples"


def _metric(name: str, class_name: str, module: str | None = None) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(class_name=class_name, module=module or "", config=json.dumps({"name": name}))


def make(
    max_mae: float,
    min_examples: int,
    max_regression: float,
    slice_attributes: Iterable[str],
    slice_ceilings: dict[str, float],
) -> config_pb2.EvalConfig:
    """Returns the evaluation configuration.

    Args:
        max_mae: largest MAE, years.
        min_examples: fewest examples.
        max_regression: by how many years the MAE may exceed the baseline's.
        slice_attributes: attribute columns to slice by, beside the decade of age.
        slice_ceilings: largest MAE in years by `feature=value`.
    """
    # A plain `threshold` would hold for every slice: TFMA applies it wherever the metric is computed.
    mae = _metric(age_metrics.MEAN_ABSOLUTE_ERROR, "MeanAbsoluteError")
    overall = mae.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()]).threshold
    overall.value_threshold.upper_bound.value = max_mae
    overall.change_threshold.direction = config_pb2.MetricDirection.LOWER_IS_BETTER
    overall.change_threshold.absolute.value = max_regression
    for name, ceiling in sorted(slice_ceilings.items()):
        feature, value = name.split("=", 1)
        one_slice = config_pb2.SlicingSpec(feature_values={feature: value})
        threshold = mae.per_slice_thresholds.add(slicing_specs=[one_slice]).threshold
        threshold.value_threshold.upper_bound.value = ceiling
    count = _metric(age_metrics.EXAMPLE_COUNT, "ExampleCount")
    threshold = count.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()]).threshold
    threshold.value_threshold.lower_bound.value = min_examples

    own = age_metrics.__name__
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(signature_name=SIGNATURE, label_key=features.AGE, prediction_key=features.AGE)],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    mae,
                    count,
                    _metric(age_metrics.ROOT_MEAN_SQUARED_ERROR, "RootMeanSquaredError", own),
                    _metric(age_metrics.MEAN_ERROR, "MeanError", own),
                    _metric(age_metrics.WITHIN_FIVE_YEARS, "WithinFiveYears", own),
                ]
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec()]
        + [config_pb2.SlicingSpec(feature_keys=[key]) for key in (features.AGE_DECADE, *slice_attributes)],
    )
    config.options.include_default_metrics.value = False
    return config


def attributes_to_slice_by(
    attributes: list[str], wanted: list[str] | None, unique_values: dict[str, int], max_values: int
) -> list[str]:
    """Returns the attribute columns to slice by.

    Args:
        attributes: columns of the data.
        wanted: columns that the configuration names, or None for all.
        unique_values: number of different values of each column.
        max_values: columns with more are left out.
    """
    chosen = attributes if wanted is None else [name for name in wanted if name in attributes]
    return [name for name in chosen if unique_values.get(name, 0) <= max_values]

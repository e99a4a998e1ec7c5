"""Makes TFMA's evaluation configuration: metrics, thresholds and slices."""

import json

from absl import logging
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_model_analysis.proto import config_pb2

from age.evaluation import metric_names
from age.evaluation.settings import EvaluatorSettings
from schemas import features

SIGNATURE = "serving_examples"

# By name: TFMA imports it when it evaluates, and the configuration alone takes neither TFMA nor Beam.
_OWN_METRICS = "age.evaluation.age_metrics"


def _metric(name: str, class_name: str, module: str | None = None) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(class_name=class_name, module=module or "", config=json.dumps({"name": name}))


def make(
    settings: EvaluatorSettings, attributes: list[str], statistics: statistics_pb2.DatasetFeatureStatisticsList
) -> config_pb2.EvalConfig:
    """Returns the evaluation configuration.

    Args:
        settings: thresholds and slices.
        attributes: the attribute columns of the data.
        statistics: of the test split; an attribute that has too many values there is not sliced by, which the log says.
    """
    # A plain `threshold` would hold for every slice: TFMA applies it wherever the metric is computed.
    mae = _metric(metric_names.MEAN_ABSOLUTE_ERROR, "MeanAbsoluteError")
    overall = mae.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()]).threshold
    overall.value_threshold.upper_bound.value = settings.max_mae
    for name, ceiling in sorted(settings.slice_ceilings.items()):
        feature, value = name.split("=", 1)
        one_slice = config_pb2.SlicingSpec(feature_values={feature: value})
        threshold = mae.per_slice_thresholds.add(slicing_specs=[one_slice]).threshold
        threshold.value_threshold.upper_bound.value = ceiling
    count = _metric(metric_names.EXAMPLE_COUNT, "ExampleCount")
    threshold = count.per_slice_thresholds.add(slicing_specs=[config_pb2.SlicingSpec()]).threshold
    threshold.value_threshold.lower_bound.value = settings.min_examples

    sliced_by = (features.AGE_DECADE, *_attributes_to_slice_by(settings, attributes, statistics))
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(signature_name=SIGNATURE, label_key=features.AGE, prediction_key=features.AGE)],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    mae,
                    count,
                    _metric(metric_names.ROOT_MEAN_SQUARED_ERROR, "RootMeanSquaredError", _OWN_METRICS),
                    _metric(metric_names.MEAN_ERROR, "MeanError", _OWN_METRICS),
                    _metric(metric_names.WITHIN_FIVE_YEARS, "WithinFiveYears", _OWN_METRICS),
                ]
            )
        ],
        slicing_specs=[config_pb2.SlicingSpec()] + [config_pb2.SlicingSpec(feature_keys=[key]) for key in sliced_by],
    )
    config.options.include_default_metrics.value = False
    return config


def attributes_sliced_by(config: config_pb2.EvalConfig) -> list[str]:
    """Returns the attribute columns by which an evaluation is sliced, beside the decade of age."""
    return [
        spec.feature_keys[0]
        for spec in config.slicing_specs
        if spec.feature_keys and spec.feature_keys[0] != features.AGE_DECADE
    ]


def _attributes_to_slice_by(
    settings: EvaluatorSettings, attributes: list[str], statistics: statistics_pb2.DatasetFeatureStatisticsList
) -> list[str]:
    unique_values = {
        feature.path.step[0] if feature.path.step else feature.name: feature.string_stats.unique
        for dataset in statistics.datasets
        for feature in dataset.features
        if feature.HasField("string_stats")
    }
    wanted = settings.slice_attributes
    candidates = attributes if wanted is None else [name for name in wanted if name in attributes]
    chosen = [name for name in candidates if unique_values.get(name, 0) <= settings.max_slice_values]
    for name in sorted(set(attributes) - set(chosen)):
        logging.warning("Not sliced by %s, which has %s different values.", name, unique_values.get(name))
    return chosen

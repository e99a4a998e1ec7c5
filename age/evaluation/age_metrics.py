"""TFMA metrics for ages that TFMA does not bring: bias and cumulative score."""

import math
from collections.abc import Callable, Iterable

import apache_beam as beam
from tensorflow_model_analysis.metrics import metric_types, metric_util
from tensorflow_model_analysis.proto import config_pb2

from age.evaluation import metric_names

CUMULATIVE_SCORE_YEARS = 5.0
"""Error up to which a prediction counts for the cumulative score CS(5) (Geng, Zhou and Smith-Miles, 2007)."""


_Sum = tuple[float, int]
"""Sum of a function of errors, and how many there were."""


class _MeanOfErrors(beam.CombineFn):
    """Averages a function of the error (prediction minus label, years) over a slice."""

    def __init__(
        self, key: metric_types.MetricKey, eval_config: config_pb2.EvalConfig | None, model_name: str, output_name: str
    ):
        self._key = key
        self._eval_config = eval_config
        self._model_name = model_name
        self._output_name = output_name

    def of_error(self, error: float) -> float:
        raise NotImplementedError

    def of_mean(self, mean: float) -> float:
        return mean

    def create_accumulator(self) -> _Sum:
        return 0.0, 0

    def add_input(self, accumulator: _Sum, element: metric_types.StandardMetricInputs) -> _Sum:
        total, count = accumulator
        pairs = metric_util.to_label_prediction_example_weight(
            element,
            eval_config=self._eval_config,
            model_name=self._model_name,
            output_name=self._output_name,
            flatten=True,
        )
        for label, prediction, _ in pairs:
            total += self.of_error(float(prediction.item()) - float(label.item()))
            count += 1
        return total, count

    def merge_accumulators(self, accumulators: Iterable[_Sum]) -> _Sum:
        totals, counts = zip(*accumulators)
        return math.fsum(totals), sum(counts)

    def extract_output(self, accumulator: _Sum) -> dict[metric_types.MetricKey, float]:
        total, count = accumulator
        return {self._key: self.of_mean(total / count) if count else float("nan")}


class _MeanErrorFn(_MeanOfErrors):
    def of_error(self, error: float) -> float:
        return error


class _RootMeanSquaredErrorFn(_MeanOfErrors):
    def of_error(self, error: float) -> float:
        return error * error

    def of_mean(self, mean: float) -> float:
        return math.sqrt(mean)


class _WithinFiveYearsFn(_MeanOfErrors):
    def of_error(self, error: float) -> float:
        # An answer that is not a number is a miss, and must not look like a measurement.
        return float("nan") if math.isnan(error) else float(abs(error) <= CUMULATIVE_SCORE_YEARS)


def _computations(combine_fn: type[_MeanOfErrors]) -> Callable[..., list[metric_types.MetricComputation]]:
    def compute(
        name: str,
        eval_config: config_pb2.EvalConfig | None = None,
        model_name: str = "",
        output_name: str = "",
        sub_key: metric_types.SubKey | None = None,
        aggregation_type: metric_types.AggregationType | None = None,
        class_weights: dict[int, float] | None = None,
        example_weighted: bool = False,
        **_: object,
    ) -> list[metric_types.MetricComputation]:
        key = metric_types.MetricKey(
            name=name,
            model_name=model_name,
            output_name=output_name,
            sub_key=sub_key,
            example_weighted=example_weighted,
        )
        return [
            metric_types.MetricComputation(
                keys=[key],
                preprocessors=None,
                combiner=combine_fn(key, eval_config, model_name, output_name),
            )
        ]

    merged: Callable[..., list[metric_types.MetricComputation]] = metric_util.merge_per_key_computations(compute)
    return merged


class MeanError(metric_types.Metric):
    """Computes the mean of prediction minus label, years: above zero the model says people are older than they are."""

    def __init__(self, name: str = metric_names.MEAN_ERROR, **kwargs: object):
        super().__init__(_computations(_MeanErrorFn), name=name, **kwargs)


class RootMeanSquaredError(metric_types.Metric):
    """Computes the root of the mean squared error, years."""

    def __init__(self, name: str = metric_names.ROOT_MEAN_SQUARED_ERROR, **kwargs: object):
        super().__init__(_computations(_RootMeanSquaredErrorFn), name=name, **kwargs)


class WithinFiveYears(metric_types.Metric):
    """Computes the share of predictions at most five years off, 0 to 1."""

    def __init__(self, name: str = metric_names.WITHIN_FIVE_YEARS, **kwargs: object):
        super().__init__(_computations(_WithinFiveYearsFn), name=name, **kwargs)


for _metric in (MeanError, RootMeanSquaredError, WithinFiveYears):
    metric_types.register_metric(_metric)

"""Thresholds and slices of an evaluation follow the settings and the columns that the data have."""

import importlib

import pytest
from tensorflow_metadata.proto.v0 import statistics_pb2

from age.evaluation import evaluation_config
from age.evaluation.settings import EvaluatorSettings


def statistics(**unique_values):
    """Statistics of a test split with string columns of that many different values."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = found.datasets.add(num_examples=100)
    for column, unique in unique_values.items():
        dataset.features.add(path={"step": [column]}, string_stats={"unique": unique})
    return found


def sliced_by(settings, attributes, test_split):
    config = evaluation_config.make(settings, attributes, test_split)
    return [list(one.feature_keys) for one in config.slicing_specs]


def mae_thresholds(config):
    return {
        tuple(sorted(one.slicing_specs[0].feature_values.items())): one.threshold.value_threshold.upper_bound.value
        for one in config.metrics_specs[0].metrics[0].per_slice_thresholds
    }


@pytest.mark.parametrize(
    "settings, expected",
    [
        ({}, [[], ["age_decade"], ["gender"], ["ethnicity"]]),
        ({"slice_attributes": ["ethnicity", "of no column"]}, [[], ["age_decade"], ["ethnicity"]]),
        ({"slice_attributes": []}, [[], ["age_decade"]]),
        ({"max_slice_values": 4}, [[], ["age_decade"], ["gender"]]),
    ],
)
def test_slices_are_the_decade_and_the_wanted_columns_with_few_enough_values(settings, expected):
    found = sliced_by(EvaluatorSettings(**settings), ["gender", "ethnicity"], statistics(gender=2, ethnicity=5))

    assert found == expected


def test_ceilings_of_slices_stand_beside_that_of_the_whole_split():
    settings = EvaluatorSettings(max_mae=6.5, slice_ceilings={"gender=female": 7.0, "camera=a=b": 9.0})

    config = evaluation_config.make(settings, [], statistics())

    assert mae_thresholds(config) == {(): 6.5, (("camera", "a=b"),): 9.0, (("gender", "female"),): 7.0}


def test_number_of_examples_holds_for_the_whole_split_and_the_regression_is_not_tfmas_to_judge():
    """`paired_comparison` judges that, photograph by photograph."""
    config = evaluation_config.make(EvaluatorSettings(max_regression=0.5, min_examples=40), [], statistics())

    mae, count = config.metrics_specs[0].metrics[:2]
    assert not any(one.threshold.HasField("change_threshold") for one in mae.per_slice_thresholds)
    assert [one.threshold.value_threshold.lower_bound.value for one in count.per_slice_thresholds] == [40]
    assert evaluation_config.attributes_sliced_by(config) == []


def test_the_columns_that_are_sliced_by_are_read_back_from_the_configuration():
    config = evaluation_config.make(EvaluatorSettings(), ["gender", "ethnicity"], statistics(gender=2, ethnicity=500))

    assert evaluation_config.attributes_sliced_by(config) == ["gender"]


def test_every_metric_of_our_own_is_where_tfma_looks_for_it():
    config = evaluation_config.make(EvaluatorSettings(), [], statistics())
    own = [metric for metric in config.metrics_specs[0].metrics if metric.module]
    assert len(own) == 3
    for metric in own:
        assert hasattr(importlib.import_module(metric.module), metric.class_name)

"""The histogram of ages in a server's metrics."""

import math

import pytest

from age.drift import served_ages
from pipeline.server.metrics import Metrics
from schemas.bad_input import BadInput


def text(*ages):
    metrics = Metrics()
    for age in ages:
        metrics.predicted_age.observe(age)
    return metrics.text().decode()


def test_what_a_server_counted_is_read():
    ends, counts = served_ages.read(text(3, 5, 5.1, 64, 130), "metrics")

    assert {end: count for end, count in zip(ends, counts) if count} == {5.0: 2, 10.0: 1, 65.0: 1, math.inf: 1}
    assert len(ends) == 25


def test_several_servers_are_added_up():
    _, counts = served_ages.read(text(3, 64) + text(3), "metrics")

    assert sorted(counts)[-2:] == [1, 2]


@pytest.mark.parametrize(
    "content, said",
    [
        ("", "no complete histogram 'age_predicted_age_years'"),
        ('age_predicted_age_years_bucket{le="5.0"} 3\n', "no complete histogram"),
        ('age_predicted_age_years_bucket{le="five"} 3\n', "could not convert string to float"),
        (
            'age_predicted_age_years_bucket{le="5.0"} 3\nage_predicted_age_years_bucket{le="+Inf"} 2\n',
            "do not count upwards",
        ),
    ],
)
def test_what_is_no_histogram_is_told_in_a_sentence(content, said):
    with pytest.raises(BadInput, match=f"metrics: .*{said}|metrics.*{said}"):
        served_ages.read(content, "metrics")

"""Photographs of the test split come with what was predicted for them."""

import pytest

from age.evaluation import measured_photographs
from tests.age.reporting.conftest import make_rows, write_examples, write_predictions


@pytest.fixture(scope="module")
def rows():
    return make_rows(30, seed=9)


@pytest.fixture(scope="module")
def examples(rows, tmp_path_factory):
    return write_examples(tmp_path_factory.mktemp("examples"), {"train": make_rows(5, seed=8), "test": rows})


@pytest.mark.parametrize("count, expected", [(12, 12), (30, 30), (64, 30)])
def test_as_many_as_are_wanted_or_all(rows, examples, tmp_path, count, expected):
    write_predictions(tmp_path / "predictions.csv", sorted(rows, key=lambda row: row.sha256))

    measured_photographs.keep(examples, str(tmp_path), count)
    found = measured_photographs.read(str(tmp_path))

    predicted = {row.encoded: row.predicted for row in rows}
    assert len(found) == len({one.encoded for one in found}) == expected
    assert all(one.age == predicted[one.encoded] for one in found)


def test_photographs_that_nobody_measured_are_refused(examples, tmp_path):
    write_predictions(tmp_path / "predictions.csv", make_rows(3, seed=7))

    measured_photographs.keep(examples, str(tmp_path), 64)
    with pytest.raises(ValueError, match="none of the photographs in .* was measured"):
        measured_photographs.read(str(tmp_path))

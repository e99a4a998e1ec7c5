"""A predictions file reads back as it was written, whatever the names hold."""

import csv

import numpy as np
import pytest

from age import spreadsheet_cells
from age.evaluation import predictions_file

HOSTILE = ["plain", 'comma, and "quote"', "line\nbreak", "return\rhere", "=1+1", "贝", "", " blank "]


def write(path, attributes, rows):
    path.write_text(
        predictions_file.header(attributes) + "".join(predictions_file.line(row) for row in rows),
        encoding="utf-8",
        newline="",
    )
    return str(path)


def test_values_read_back_as_they_were(tmp_path):
    rows = [(name, f"{number:064x}", str(number), f"{number + 0.5}", name) for number, name in enumerate(HOSTILE)]
    path = write(tmp_path / "predictions.csv", ["place"], rows)

    found = predictions_file.read(path, ["place"])

    assert list(found.real_age) == list(range(len(HOSTILE)))
    assert list(found.predicted_age - found.real_age) == [0.5] * len(HOSTILE)
    values, codes = found.attributes["place"]
    assert [values[code] for code in codes] == HOSTILE
    with open(path, newline="", encoding="utf-8") as file:
        cells = [row["file_name"] for row in csv.DictReader(file)]
    assert [spreadsheet_cells.original(cell) for cell in cells] == HOSTILE
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


def test_no_rows_are_no_predictions(tmp_path):
    found = predictions_file.read(write(tmp_path / "predictions.csv", ["gender"], []), ["gender"])

    assert len(found.real_age) == 0 and found.attributes["gender"][0] == []


def test_attribute_with_the_name_of_a_column_of_ours_does_not_replace_it(tmp_path):
    attributes = ["predicted_age", "sha256", "sha256_"]
    path = write(tmp_path / "predictions.csv", attributes, [("a.jpg", "0f", "30", "31.5", "7", "x", "y")])

    with open(path, newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["predicted_age"] == "31.5" and row["sha256"] == "0f"
    assert row["predicted_age_"] == "7"
    assert predictions_file.read(path, attributes).attributes["sha256_"][0] == ["y"]


def test_a_champions_answers_are_the_last_column_whatever_attributes_are_called(tmp_path):
    lines = [("a.jpg", "0f", "30", "31.5", "x", "-2.5"), ("=b.jpg", "1f", "30", "31.5", "y", "nan")]
    path = tmp_path / "predictions.csv"
    path.write_text(
        predictions_file.header(["champion_age"], with_champion=True) + "".join(map(predictions_file.line, lines)), newline=""
    )

    found = predictions_file.read(str(path), ["champion_age"])

    np.testing.assert_equal(found.champion_age, np.array([-2.5, np.nan]))
    assert found.attributes["champion_age"][0] == ["x", "y"]
    assert path.read_text().splitlines()[0].endswith("champion_age_,champion_age")


def test_the_best_versions_answers_come_behind_the_champions(tmp_path):
    attributes = ["best_version_age", "champion_age"]
    path = tmp_path / "predictions.csv"
    row = predictions_file.line(("a.jpg", f"{2**60:064x}"[-16:] + 48 * "0", "30", "31.5", "x", "y", "-2.5", "28"))
    path.write_text(predictions_file.header(attributes, with_champion=True, with_best=True) + row, newline="")

    found = predictions_file.read(str(path), attributes)

    assert (found.champion_age.tolist(), found.best_version_age.tolist()) == ([-2.5], [28.0])
    assert [found.attributes[name][0] for name in attributes] == [["x"], ["y"]]
    assert found.images.tolist() == [2**60]


def test_intervals_stand_beside_the_predicted_age_whatever_attributes_are_called(tmp_path):
    attributes = ["age_low", "gender"]
    lines = [
        ("a.jpg", "0f", "30", "31.5", "25", "36.5", "x", "f", "29"),
        ("b.jpg", "1f", "30", "nan", "nan", "nan", "y", "m", "29"),
    ]
    path = tmp_path / "predictions.csv"
    head = predictions_file.header(attributes, with_champion=True, with_intervals=True)
    path.write_text(head + "".join(map(predictions_file.line, lines)), newline="")

    found = predictions_file.read(str(path), attributes)

    assert head.strip().split(",")[3:] == ["predicted_age", "age_low", "age_high", "age_low_", "gender", "champion_age"]
    np.testing.assert_equal(found.age_low, np.array([25, np.nan]))
    np.testing.assert_equal(found.age_high, np.array([36.5, np.nan]))
    assert found.attributes["age_low"][0] == ["x", "y"] and list(found.champion_age) == [29, 29]


def test_attributes_called_like_the_ends_of_an_interval_are_none(tmp_path):
    path = write(tmp_path / "predictions.csv", ["age_low", "age_high"], [("a.jpg", "0f", "30", "31.5", "1", "2")])

    found = predictions_file.read(path, ["age_low", "age_high"])

    assert found.age_low is None and found.attributes["age_high"][0] == ["2"]


def test_without_a_champion_there_is_no_such_column(tmp_path):
    path = write(tmp_path / "predictions.csv", ["champion_age"], [("a.jpg", "0f", "30", "31.5", "x")])

    assert predictions_file.read(path, ["champion_age"]).champion_age is None


@pytest.mark.parametrize("value", [34, 7.1, 0.1, 1e-7, 33.333332, float("nan")])
def test_numbers_are_short_and_lose_nothing(value):
    written = predictions_file.number(np.float32(value))

    np.testing.assert_equal(np.float32(float(written)), np.float32(value))
    assert len(written) <= 12

"""`age-pipeline evaluate` measures any model on any labelled folder: the numbers can be told beforehand here."""

import csv
import json
import pathlib

import numpy as np
import pytest

from age.serving import Predictor
from pipeline.cli import cli
from schemas.bad_input import BadInput
from tests import brightness_model
from tests.age.faces.composed_photographs import Placed, photograph
from tests.brightness_model import age_of


def evaluate(*arguments) -> None:
    cli.main(["evaluate", *map(str, arguments)], standalone_mode=False)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return brightness_model.write_model(tmp_path_factory.mktemp("model") / "exported")


def write_labels(folder: pathlib.Path, too_old_by: list[float]) -> None:
    """Writes photographs whose answers are too high by so many years, one each, for women and men in turn."""
    names = brightness_model.write_greys(folder, len(too_old_by) + 60)[60:]
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as file:
        rows = [
            (path.name, f"{age_of(int(path.stem)) - error:.4f}", "female" if number % 2 else "male")
            for number, (path, error) in enumerate(zip(names, too_old_by))
        ]
        csv.writer(file).writerows([("file_name", "real_age", "gender"), *rows, ("absent.png", 20, "male")])


def test_the_error_its_interval_and_that_of_every_slice_are_printed_and_left_as_json_and_as_a_page(model, tmp_path, capsys):
    errors = np.array([1.0, -3.0] * 40)
    write_labels(tmp_path / "faces", list(errors))
    out = tmp_path / "found"

    evaluate("--model", model, "--workdir", tmp_path / "work", "--out", out, tmp_path / "faces")

    printed = capsys.readouterr().out
    found = json.loads((out / "evaluation.json").read_text())
    metrics, slices = found["metrics"], {(one["feature"], one["value"]): one for one in found["slices"]}
    assert (found["kind"], found["blessed"], found["data"]["used"], found["data"]["rejected"]) == ("evaluate", None, 80, 1)
    assert (metrics["mae"], metrics["bias"]) == pytest.approx((2, -1), abs=1e-3)
    assert metrics["within_5_years"] == 1 and metrics["mae_interval"]["low"] < 2 < metrics["mae_interval"]["high"]
    assert (slices["gender", "male"]["mae"], slices["gender", "male"]["bias"]) == pytest.approx((1, 1), abs=1e-3)
    assert (slices["gender", "female"]["mae"], slices["gender", "female"]["bias"]) == pytest.approx((3, -3), abs=1e-3)
    assert len(list(csv.DictReader(pathlib.Path(found["paths"]["predictions"]).read_text().splitlines()))) == 80
    page = (out / "report.html").read_text()
    assert "How far off is this age model on these photographs?" in page and "test split" not in page
    assert "EVALUATED" in printed and "2.00 years on 80 photographs" in printed and "gender" in printed
    assert not list(out.glob("examples/Split-*")), "the photographs are not kept twice"


def test_what_the_intervals_of_a_model_hold_is_measured_as_the_gate_does(model, tmp_path, capsys):
    errors = [1.0, -6.0] * 20
    write_labels(tmp_path / "faces", errors)
    with_interval = pathlib.Path(brightness_model.write_model_with_interval(model, tmp_path / "interval"))
    (with_interval / "assets.extra").mkdir()
    (with_interval / "assets.extra" / "provenance.json").write_text('{"trainer": {"interval_coverage": 0.8}}')

    evaluate("--model", with_interval, "--workdir", tmp_path / "work", "--out", tmp_path / "found", tmp_path / "faces")

    intervals = json.loads((tmp_path / "found" / "evaluation.json").read_text())["intervals"]
    whole, slices = intervals["whole"], {(one["feature"], one["value"]): one for one in intervals["slices"]}
    assert (intervals["promised"], whole["coverage"], whole["example_count"]) == (0.8, 0.5, 40)
    assert whole["mean_width"] == pytest.approx(10, abs=1e-3)
    assert (slices["gender", "male"]["coverage"], slices["gender", "female"]["coverage"]) == (1, 0)
    assert "hold 50.0 % of the real ages (80 % promised); mean width 10.00 years" in capsys.readouterr().out
    page = (tmp_path / "found" / "report.html").read_text()
    assert "On these photographs it holds 50.0" in page and "test split" not in page


def test_a_folder_without_a_usable_row_says_so(model, tmp_path):
    (tmp_path / "labels.csv").write_text("file_name,real_age\nabsent.png,3\n")

    with pytest.raises(BadInput, match="none of the 1 rows can be used"):
        evaluate("--model", model, "--out", tmp_path / "found", "--workdir", tmp_path / "work", tmp_path)


def test_the_main_face_of_each_photograph_is_measured_and_those_without_one_are_rejects(
    model, tmp_path, face_detector_file, shared_data
):
    crops = sorted((shared_data / "utkface_small" / "final_files").iterdir())[:12]
    folder = tmp_path / "faces"
    folder.mkdir()
    for crop in crops:
        photograph(500, 400, [(crop, Placed((200, 200), 1.2))], shades=(0, 20)).save(folder / crop.name, quality=95)
    (folder / "none.png").write_bytes(brightness_model.grey(90, side=64))
    ages = [answer.age for answer in Predictor.load(model).predict(crops)]
    rows = [f"{crop.name},{age:.2f}" for crop, age in zip(crops, ages)]
    (folder / "labels.csv").write_text("\n".join(["file_name,real_age", *rows, "none.png,20"]) + "\n")
    arguments = ["--model", model, "--workdir", tmp_path / "work", folder]

    evaluate(*arguments, "--out", tmp_path / "whole")
    evaluate(*arguments, "--out", tmp_path / "found", "--faces", "--face-detector", face_detector_file)

    whole, found = (json.loads((tmp_path / name / "evaluation.json").read_text()) for name in ("whole", "found"))
    assert (found["data"]["used"], found["data"]["rejects"]) == (12, {"no_face": 1})
    assert found["metrics"]["mae"] < 5 < whole["metrics"]["mae"]

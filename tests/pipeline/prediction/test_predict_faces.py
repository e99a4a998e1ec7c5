"""`age-pipeline predict --faces` answers for each face of a photograph, and without it a detector warns of what is unlike a crop."""

import csv
import json
import pathlib
import subprocess
import sys

import click
import pytest
from pyarrow import parquet

from pipeline.prediction.journal import Journal
from schemas.bad_input import BadInput
from schemas.failures import PhotographsUnread
from tests import brightness_model
from tests.age.faces.composed_photographs import Placed, photograph
from tests.brightness_model import grey
from tests.pipeline.prediction.asking import ages, predict, printed

ROOT = pathlib.Path(__file__).parents[3]
FACE = ["face", "face_x", "face_y", "face_width", "face_height", "face_score"]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return brightness_model.write_model(tmp_path_factory.mktemp("model") / "exported")


@pytest.fixture(scope="module")
def crops(shared_data) -> list[pathlib.Path]:
    return sorted((shared_data / "utkface_small" / "final_files").iterdir())[:10]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory, crops) -> pathlib.Path:
    """A folder: one face, two faces, none, and no image."""
    folder = tmp_path_factory.mktemp("photographs")
    photograph(600, 500, [(crops[3], Placed((300, 250), 0.8))]).save(folder / "a-one.jpg")
    photograph(900, 500, [(crops[3], Placed((250, 250), 0.8)), (crops[5], Placed((650, 250), 1.2))]).save(folder / "b-two.png")
    (folder / "c-none.png").write_bytes(grey(90, side=64))
    (folder / "d-text.jpg").write_text("no image")
    return folder


def test_there_is_a_row_for_each_face_and_one_that_says_that_there_is_none(model, photographs, face_detector_file, capsys):
    with pytest.raises(PhotographsUnread, match="2 of 4 photographs could not be read or have no face"):
        predict("--model", model, "--faces", "--face-detector", face_detector_file, photographs)

    rows = printed(capsys)
    assert list(rows[0]) == ["file_name", *FACE, "age", "warning", "error"]
    names = [(pathlib.Path(row["file_name"]).name, row["face"]) for row in rows]
    assert names == [("a-one.jpg", "1"), ("b-two.png", "1"), ("b-two.png", "2"), ("c-none.png", ""), ("d-text.jpg", "")]
    assert [bool(row["age"]) for row in rows] == [True, True, True, False, False]
    assert [row["error"] for row in rows[:4]] == ["", "", "", "no face was found"]
    # The larger face comes first; its box lies in the right half.
    assert int(rows[1]["face_x"]) > 450 > int(rows[2]["face_x"]) + int(rows[2]["face_width"])
    assert 0.7 < float(rows[0]["face_score"]) <= 1


def test_the_age_is_that_of_the_face_and_not_of_the_photograph(model, tmp_path, crops, face_detector_file, capsys):
    in_the_dark = tmp_path / "dark.png"
    photograph(600, 500, [(crops[3], Placed((300, 250), 0.8))], shades=(0, 20)).save(in_the_dark)
    predict("--model", model, crops[3], in_the_dark)
    of_crop, of_photograph = ages(printed(capsys))

    predict("--model", model, "--faces", "--face-detector", face_detector_file, in_the_dark)

    (of_face,) = ages(printed(capsys))
    assert abs(of_face - of_crop) < 5 < 10 < abs(of_photograph - of_crop)


def test_a_detector_alone_warns_of_what_is_unlike_a_crop(model, photographs, crops, face_detector_file, capsys):
    detector = f"data.face_detector={face_detector_file}"
    wholes = (photographs / "a-one.jpg", photographs / "b-two.png", photographs / "c-none.png")

    predict("--model", model, "--set", detector, crops[3], *wholes)

    rows = printed(capsys)
    assert list(rows[0]) == ["file_name", "age", "warning", "error"]
    assert all(row["age"] for row in rows)
    assert rows[0]["warning"] == "" and "times as large" in rows[1]["warning"]
    assert [row["warning"] for row in rows[2:]] == [
        "2 faces were found; the model learnt from one at a time",
        "no face was found",
    ]


def test_files_of_each_format_hold_the_same_rows(model, photographs, face_detector_file, tmp_path):
    for ending in ("csv", "jsonl", "parquet"):
        with pytest.raises(PhotographsUnread):
            out = tmp_path / f"ages.{ending}"
            predict("--model", model, "--faces", "--face-detector", face_detector_file, "--out", out, photographs)

    lines = [json.loads(line) for line in (tmp_path / "ages.jsonl").read_text().splitlines()]
    table = parquet.read_table(tmp_path / "ages.parquet").to_pylist()
    rows = list(csv.DictReader((tmp_path / "ages.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["face"] for row in table] == [line["face"] for line in lines] == [1, 1, 2, None, None]
    assert [line["face_width"] for line in lines[:3]] == [int(row["face_width"]) for row in rows[:3]]
    assert [row["warning"] for row in table] == [row["warning"] for row in rows]


def test_an_interrupted_call_goes_on_with_all_faces_of_a_photograph(model, photographs, face_detector_file, tmp_path):
    arguments = ["--model", model, "--faces", "--face-detector", face_detector_file, photographs]
    with pytest.raises(PhotographsUnread):
        predict(*arguments, "--out", tmp_path / "whole.csv")
    left = tmp_path / "interrupted.csv"
    _interrupt_after_two(arguments, left)

    with pytest.raises(BadInput, match="looked for faces in another way"):
        predict("--model", model, photographs, "--out", left, "--resume")
    with pytest.raises(PhotographsUnread):
        predict(*arguments, "--out", left, "--resume")

    assert left.read_text() == (tmp_path / "whole.csv").read_text()


def _interrupt_after_two(arguments, out) -> None:
    """Leaves what a call leaves that was killed when it had written two photographs: a whole journal, cut off."""
    from age.faces.detection import FaceDetector
    from age.serving import Predictor
    from age.serving import predictor as predictors
    from pipeline.prediction import asking, inputs
    from pipeline.prediction.journal import Model

    _, model, _, _, detector, folder = arguments
    search = asking.FaceSearch(FaceDetector.load(str(detector)), each_face=True)
    served = predictors.find(model)
    asker = asking.Asker(Predictor(served), search)
    journal = Journal(str(out))
    journal.begin(Model(served.path, served.digest, ("age",), search.name))
    journal.append(list(asker.answers(inputs.photographs([str(folder)])))[:3])
    journal.close()
    content = pathlib.Path(journal.path).read_bytes()
    pathlib.Path(journal.path).write_bytes(content[:-10])


def test_faces_without_a_detector_are_refused_with_what_to_name(model, photographs):
    with pytest.raises(click.UsageError, match="--face-detector FILE or data.face_detector"):
        predict("--model", model, "--faces", photographs)


def test_without_a_detector_opencv_is_not_loaded_and_it_is_said_once_that_nothing_warns(model, crops):
    script = "import sys\nfrom pipeline.cli import cli\n"
    script += "cli.main(['predict', '--model', *sys.argv[1:]], standalone_mode=False)\nassert 'cv2' not in sys.modules"
    done = subprocess.run(
        [sys.executable, "-c", script, model, *map(str, crops[:3])], capture_output=True, text=True, cwd=ROOT
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No face detector is configured (data.face_detector)") == 1

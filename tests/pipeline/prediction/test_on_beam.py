"""`age-pipeline predict --runner`: Beam's workers answer parts, each of which is there whole or not at all."""

import json
import pathlib

import pytest

from age.serving import Predictor
from pipeline.cli import cli
from pipeline.prediction import on_beam
from schemas.bad_input import BadInput
from schemas.failures import PhotographsUnread
from tests import brightness_model
from tests.brightness_model import age_of

YEARS = 1e-3
VERSION = 7


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return brightness_model.write_model(tmp_path_factory.mktemp("serving") / str(VERSION))


@pytest.fixture(scope="module")
def greys(tmp_path_factory) -> list[pathlib.Path]:
    return brightness_model.write_greys(tmp_path_factory.mktemp("greys") / "faces", 25)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(on_beam, "_SMALLEST", 10)


@pytest.fixture
def predict(tmp_path):
    def run(*arguments) -> None:
        cli.main(
            ["predict", "--runner", "direct", "--workdir", str(tmp_path / "work"), *map(str, arguments)], standalone_mode=False
        )

    return run


def lines(*paths: pathlib.Path) -> list[dict]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def test_answers_are_name_age_and_version_in_the_order_asked_and_what_cannot_be_read_is_a_dead_letter(
    predict, model, greys, tmp_path, capsys
):
    (tmp_path / "text.jpg").write_text("no image")
    out = tmp_path / "ages"

    with pytest.raises(PhotographsUnread, match="2 of 27 photographs could not be read.*dead_letters.jsonl"):
        predict("--model", model, "--out", out, tmp_path / "text.jpg", greys[0].parent, tmp_path / "absent.png")

    parts = sorted(out.glob("predictions-*"))
    assert [part.name for part in parts] == [f"predictions-0000{number}-of-00003.jsonl" for number in range(3)]
    rows = lines(*parts)
    assert [row["file_name"] for row in rows] == list(map(str, greys))
    assert [row["age"] for row in rows] == pytest.approx([age_of(shade) for shade in range(25)], abs=YEARS)
    assert {tuple(row) for row in rows} == {("file_name", "age", "model_version")} and {
        row["model_version"] for row in rows
    } == {VERSION}
    refused = lines(out / "dead_letters.jsonl")
    assert [(row["file_name"], row["model_version"]) for row in refused] == [
        (str(tmp_path / "text.jpg"), VERSION),
        (str(tmp_path / "absent.png"), VERSION),
    ]
    assert "neither JPEG nor PNG" in refused[0]["error"] and "No such file" in refused[1]["error"]
    assert {path.name for path in out.iterdir()} == {*(part.name for part in parts), "dead_letters.jsonl"}
    assert f"25 of 27 photographs answered: {out}" in capsys.readouterr().out


def test_intervals_are_written_where_the_model_has_them(predict, model, greys, tmp_path):
    predict("--model", brightness_model.write_model_with_interval(model, tmp_path / "8"), "--out", tmp_path / "ages", greys[5])

    (row,) = lines(*(tmp_path / "ages").glob("predictions-*"))
    assert list(row) == ["file_name", "age", "age_low", "age_high", "model_version"]
    assert [row["age"] - row["age_low"], row["age_high"] - row["age"]] == pytest.approx([5, 5], abs=2 * YEARS)


def test_a_job_that_failed_goes_on_with_the_parts_that_are_missing(predict, model, greys, tmp_path, monkeypatch):
    out, asked_before = tmp_path / "ages", ["--model", model, "--out", tmp_path / "ages", greys[0].parent]
    honest, asked = Predictor.stream, []

    def failing_at_the_third(predictor, items, read, largest=None):
        asked.append(len(items))
        if len(asked) == 3:
            raise OSError("the disk is gone")
        return honest(predictor, items, read, largest)

    monkeypatch.setattr(Predictor, "stream", failing_at_the_third)
    with pytest.raises(on_beam.JobFailed, match="(?s)the disk is gone.*--resume goes on"):
        predict(*asked_before)
    assert len(list(out.glob("predictions-*"))) == 2
    with pytest.raises(BadInput, match="add --resume"):
        predict(*asked_before)
    with pytest.raises(BadInput, match="the photographs are others now"):
        predict(*asked_before, greys[0], "--resume")

    predict(*asked_before, "--resume")

    assert len(asked) == 4, "parts that were there are not asked about again"
    rows = lines(*sorted(out.glob("predictions-*")))
    assert [row["file_name"] for row in rows] == list(map(str, greys))


def test_what_workers_cannot_do_is_refused_in_a_sentence(predict, model, greys, tmp_path):
    flink = ["predict", "--runner", "flink", "--model", model, "--out", str(tmp_path / "ages"), str(greys[0])]

    with pytest.raises(BadInput, match="standard input"):
        predict("--model", model, "--out", tmp_path / "ages", "-")
    with pytest.raises(BadInput, match="there is no photograph"):
        predict("--model", model, "--out", tmp_path / "ages", tmp_path)
    with pytest.raises(BadInput, match="beam.runner is DirectRunner.*--config configs/flink.yaml"):
        cli.main([*flink, "--workdir", str(tmp_path / "work")], standalone_mode=False)
    assert not (tmp_path / "ages").exists()

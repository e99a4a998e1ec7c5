"""`age-pipeline predict` answers for images, folders, lists and names on standard input, and goes on after an interruption."""

import csv
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
from pyarrow import parquet

from pipeline.prediction import inputs
from schemas.bad_input import BadInput
from schemas.failures import PhotographsUnread
from tests import brightness_model
from tests.brightness_model import age_of, grey
from tests.pipeline.prediction.asking import ages, predict, printed

ROOT = pathlib.Path(__file__).parents[3]
YEARS = 1e-3


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return brightness_model.write_model(tmp_path_factory.mktemp("model") / "exported")


@pytest.fixture(scope="module")
def greys(tmp_path_factory) -> list[pathlib.Path]:
    return brightness_model.write_greys(tmp_path_factory.mktemp("greys") / "faces", 70)


def test_images_a_folder_and_a_list_are_answered_in_the_order_in_which_they_are_named(model, greys, capsys, tmp_path):
    folder = greys[0].parent
    listed = folder / "list.csv"
    listed.write_text("file_name,real_age\n0003.png,3\n\n0001.png,1\n")

    predict("--model", model, greys[9], listed, folder)

    listed.unlink()
    rows = printed(capsys)
    assert list(rows[0]) == ["file_name", "age", "error"]
    assert [row["file_name"] for row in rows] == [str(greys[9]), "0003.png", "0001.png", *map(str, greys)]
    assert ages(rows) == pytest.approx([age_of(9), age_of(3), age_of(1), *map(age_of, range(70))], abs=YEARS)


def test_a_folder_stands_for_its_images_at_any_depth_in_alphabetical_order(tmp_path):
    for name in ("b.JPG", "a/z.png", "a/.hidden.png", ".git/x.png", "notes.txt", "c.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"?")

    found = [pathlib.Path(one.file_name).relative_to(tmp_path).as_posix() for one in inputs.photographs([str(tmp_path)])]

    assert found == ["b.JPG", "c.jpeg", "a/z.png"]


@pytest.fixture(scope="module")
def asked_from_outside(model, greys) -> subprocess.CompletedProcess:
    """A process of its own that was given names on standard input, and says in the end which libraries it loaded."""
    odd = greys[0].parent / os.fsdecode(b"\xff.png")
    odd.write_bytes(grey(255))
    program = (
        "import atexit, sys; from pipeline.cli import main; "
        "atexit.register(lambda: print({'tensorflow', 'keras'} & set(sys.modules), file=sys.stderr)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "predict", "--model", model, "-"],
        input=b"\n".join(map(os.fsencode, (greys[5], odd))),
        capture_output=True,
        cwd=ROOT,
    )
    odd.unlink()
    return done


def test_names_on_standard_input_are_read_one_a_line(asked_from_outside):
    rows = list(csv.DictReader(io.StringIO(asked_from_outside.stdout.decode("utf-8"))))
    assert asked_from_outside.returncode == 0, asked_from_outside.stderr
    assert [pathlib.Path(row["file_name"]).name for row in rows] == ["0005.png", "\\udcff.png"]
    assert ages(rows) == pytest.approx([age_of(5), age_of(255)], abs=YEARS)


def test_keras_is_not_loaded_for_answers(asked_from_outside):
    assert asked_from_outside.stderr.splitlines()[-1] == b"{'tensorflow'}"


def test_what_cannot_be_read_has_its_row_and_the_status_is_4(model, greys, capsys, tmp_path, monkeypatch):
    (tmp_path / "=cmd.jpg").write_text("no image")
    outside = tmp_path / "outside.png"
    outside.write_bytes(grey(1))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link.png").symlink_to(outside)
    (folder / "list.csv").write_text(f"file_name\n../outside.png\n{outside}\nabsent.png\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(PhotographsUnread, match="5 of 6 photographs could not be read") as ending:
        predict("--model", model, "=cmd.jpg", greys[3], folder, folder / "list.csv")

    rows = printed(capsys)
    assert ending.value.exit_status == 4
    assert ages([rows[1]]) == pytest.approx([age_of(3)], abs=YEARS)
    assert rows[0]["file_name"] == "'=cmd.jpg" and rows[0]["error"].startswith("neither JPEG nor PNG")
    assert [row["error"] for row in rows[2:]] == [
        "a symbolic link that leads out of the data directory",
        "the file name climbs out of the data directory",
        "the file name is not relative to the data directory",
        "no such file beside the list",
    ]


def test_a_file_of_each_format_holds_the_same(model, greys, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    for ending in ("csv", "jsonl", "parquet"):
        with pytest.raises(PhotographsUnread):
            predict("--model", model, "--out", tmp_path / f"ages.{ending}", greys[0].parent, tmp_path / "text.jpg")

    rows = list(csv.DictReader((tmp_path / "ages.csv").read_text(encoding="utf-8").splitlines()))
    lines = [json.loads(line) for line in (tmp_path / "ages.jsonl").read_text().splitlines()]
    table = parquet.read_table(tmp_path / "ages.parquet")
    assert len(rows) == len(lines) == table.num_rows == 71
    assert table.schema.names == list(rows[0]) == list(lines[0]) == ["file_name", "age", "error"]
    assert [line["age"] for line in lines[:-1]] == ages(rows[:-1]) == pytest.approx([age_of(n) for n in range(70)], abs=YEARS)
    assert table["age"].to_pylist()[:-1] == pytest.approx(ages(rows[:-1]), abs=1e-5)
    assert rows[-1]["age"] == "" and lines[-1]["age"] is None and table["age"][70].as_py() is None
    assert {path.name for path in tmp_path.iterdir()} == {"text.jpg", "ages.csv", "ages.jsonl", "ages.parquet"}


def test_the_interval_has_columns_of_its_own(model, greys, capsys, tmp_path):
    predict("--model", brightness_model.write_model_with_interval(model, tmp_path / "interval"), greys[51])

    (row,) = printed(capsys)
    assert list(row) == ["file_name", "age", "age_low", "age_high", "error"]
    assert [float(row[name]) for name in ("age", "age_low", "age_high")] == pytest.approx([20, 15, 25], abs=YEARS)


def test_a_killed_call_goes_on_without_losing_or_repeating_a_row(model, tmp_path):
    faces = brightness_model.write_greys(tmp_path / "faces", 600)
    out = tmp_path / "ages.csv"
    journal = tmp_path / "ages.csv.unfinished"
    command = [sys.executable, "-m", "pipeline", "predict", "--model", model, "--out", str(out), str(tmp_path / "faces")]
    os.mkfifo(faces[-1].with_suffix(".PNG"))  # is no plain file, and must not be waited for
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE)
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") > 100):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    kept = journal.read_bytes().count(b"\n") - 1
    assert 0 < kept < 601 and not out.exists()
    with journal.open("ab") as file:
        file.write(b'["faces/cut off')

    with pytest.raises(BadInput, match="an earlier call was interrupted. Go on with --resume"):
        predict(*command[4:])
    with pytest.raises(BadInput, match="the photographs are not those of the interrupted call: number 1 was"):
        predict("--model", model, "--out", out, "--resume", faces[7])
    other = brightness_model.write_model(tmp_path / "other", offset=1)
    with pytest.raises(BadInput, match="is another one. Name that model"):
        predict("--model", other, "--out", out, "--resume", tmp_path / "faces")
    with pytest.raises(PhotographsUnread, match="1 of 601"):
        predict("--out", out, "--resume", tmp_path / "faces")

    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert [row["file_name"] for row in rows] == [
        str(path) for path in [*faces[:-1], faces[-1].with_suffix(".PNG"), faces[-1]]
    ]
    assert rows[-2]["error"] == "a named pipe, and no plain file"
    assert ages(rows[:-2]) == pytest.approx([age_of(shade % 256) for shade in range(599)], abs=YEARS)
    assert not journal.exists()


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--out", "ages.xlsx", "face.jpg"], "expected a file that ends in .csv, .jsonl, .parquet"),
        (["--out", "nowhere/ages.csv", "face.jpg"], "there is no directory nowhere"),
        (["absent.csv"], "absent.csv: there is no such list"),
        (["schemas"], "schemas: there is no photograph"),
        (["README.md.csv"], "there is no such list"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_a_sentence(model, arguments, sentence):
    with pytest.raises(BadInput, match=sentence):
        predict("--model", model, *arguments)


def test_a_list_without_the_column_says_which_it_has(model, tmp_path):
    (tmp_path / "list.csv").write_text("name;age\na.jpg;3\n")

    with pytest.raises(BadInput, match="no column 'file_name'; the columns are 'name', 'age'"):
        predict("--model", model, tmp_path / "list.csv")

"""One data set with every kind of bad input goes through Beam; each of its rows is accounted for."""

import collections
import csv
import dataclasses
import hashlib
import io
import json
import pathlib
import shutil
import struct
import zlib

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image, ImageOps
from tfx.dsl.components.base import base_beam_executor
from tfx.types import artifact_utils, standard_artifacts

from age import progress
from age.dataset import ingestion, label_file
from age.dataset.fingerprint import data_fingerprint
from components.artifacts import Rejects
from components.face_example_gen import component, executor
from schemas.age_schema import Limits
from schemas.bad_input import BadInput

LIMITS = Limits(min_age=0.0, max_age=116.0, min_side=16, max_side=8192)
FRACTIONS = {"train": 0.5, "validation": 0.25, "test": 0.25}
BEAM_ARGS = ["--runner=DirectRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1"]
FEATURES = {
    "image/encoded",
    "image/filename",
    "image/format",
    "image/height",
    "image/width",
    "image/sha256",
    "image/brightness",
    "age",
    "gender",
    "città",
}
USED, DUPLICATE = "used", "duplicate"

random = np.random.default_rng(0)


def picture(kind: str, size=(20, 24), mode="RGB", **options) -> bytes:
    """A picture that no other call repeats; `size` is width and height."""
    shade = random.integers(0, 256, 3)
    pixels = np.clip(shade + random.normal(0, 20, (size[1], size[0], 3)), 0, 255).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def turned(orientation: int) -> bytes:
    marks = Image.Exif()
    marks[0x0112] = orientation
    return picture("JPEG", size=(40, 24), exif=marks.tobytes())


def claiming(width: int, height: int) -> bytes:
    """A PNG file whose header claims another size than it has."""
    png = bytearray(picture("PNG"))
    png[16:24] = struct.pack(">II", width, height)
    png[29:33] = struct.pack(">I", zlib.crc32(bytes(png[12:29])))
    return bytes(png)


@dataclasses.dataclass
class Row:
    """A row of the label file and what should become of it: used, duplicate, or a reject's reason and detail."""

    name: str
    age: str
    gender: str = "female"
    city: str = ""
    fate: str = USED
    detail: str = ""
    fields: tuple[str, ...] = ()
    line: int = 0


def files_and_rows() -> tuple[dict[str, bytes], list[Row]]:
    plain, twin, other_twin, text = picture("JPEG"), picture("JPEG"), picture("PNG"), b"This is a letter, not a picture.\n"
    long_name = "x" * 300 + ".jpg"
    files = {
        "plain.jpg": plain,
        "final_files/plain.jpg": picture("JPEG"),  # never seen: the directory itself is looked up first
        "photo.png": picture("PNG"),
        "images/grey.jpg": picture("JPEG", mode="L"),
        "images/cmyk.jpg": picture("JPEG", mode="CMYK"),
        "final_files/turned6.jpg": turned(6),
        "final_files/turned3.jpg": turned(3),
        "images/name with spaces.jpg": picture("JPEG"),
        "images/comma, and.jpg": picture("JPEG"),
        'images/quote ".jpg': picture("JPEG"),
        "images/Zoë 贝贝.jpg": picture("JPEG"),
        "images/line\nbreak.jpg": picture("JPEG"),
        "images/sub/deep.jpg": picture("JPEG"),
        "images/palette.png": picture("PNG", mode="P"),
        "images/see-through.png": picture("PNG", mode="RGBA"),
        "images/png named.jpg": picture("PNG"),
        "images/no ending": picture("JPEG"),
        "images/smallest.png": picture("PNG", size=(16, 16)),
        "images/longest.png": picture("PNG", size=(8192, 16)),
        "images/aged 0.jpg": picture("JPEG"),
        "images/aged 116.jpg": picture("JPEG"),
        "copy.jpg": plain,
        "images/copy of copy.jpg": plain,
        "twin 1.jpg": twin,
        "twin 2.jpg": twin,
        "two ages.png": other_twin,
        "empty.jpg": b"",
        "also empty.jpg": b"",
        "cut off.jpg": picture("JPEG")[:-200],
        "cut off.png": picture("PNG")[:-200],
        "header cut off.png": picture("PNG")[:12],
        "text.jpg": text,
        "text again.jpg": text,
        "moving.gif": picture("GIF"),
        "bitmap.jpg": picture("BMP"),
        "dot.png": picture("PNG", size=(1, 1)),
        "narrow.jpg": picture("JPEG", size=(15, 100)),
        "wide.jpg": picture("JPEG", size=(20_000, 16)),
        "high.png": picture("PNG", size=(16, 20_000)),
        "bomb.png": claiming(20_000, 20_000),
        "folder.jpg/inside.txt": b"a directory named like an image",
    }
    files.update({f"images/face {number}.png": picture("PNG") for number in range(20)})
    number = "expected a number of years"
    rows = [
        Row("plain.jpg", "25", "female", "Zürich"),
        Row("photo.png", " 30.5 ", "male", "Paris, 贝"),
        Row("grey.jpg", "1e1", " male ", ""),
        Row("cmyk.jpg", "12", "", ""),
        Row("turned6.jpg", "13"),
        Row("turned3.jpg", "14"),
        Row("name with spaces.jpg", "15"),
        Row("comma, and.jpg", "16"),
        Row('quote ".jpg', "17"),
        Row("Zoë 贝贝.jpg", "18"),
        Row("line\nbreak.jpg", "19"),
        Row("sub/deep.jpg", "20"),
        Row("palette.png", "21"),
        Row("see-through.png", "22"),
        Row("png named.jpg", "23"),
        Row("no ending", "24"),
        Row("smallest.png", "26"),
        Row("longest.png", "27"),
        Row("aged 0.jpg", "0"),
        Row("aged 116.jpg", "116"),
        Row("copy.jpg", "25.0", "male", "Rome", DUPLICATE),
        Row("copy of copy.jpg", "25", fate=DUPLICATE),
        Row("plain.jpg", "25", "female", "Zürich", "duplicate_row", "the row repeats line 2"),
        Row("copy.jpg", "25", fate="duplicate_row", detail="the row repeats line 23"),
        Row("twin 1.jpg", "20", fate="conflicting_ages", detail="(twin 1.jpg): 20; "),
        Row("twin 2.jpg", "40", fate="conflicting_ages", detail="(twin 2.jpg): 40"),
        Row("two ages.png", "20", fate="conflicting_ages", detail="(two ages.png): 20; "),
        Row("two ages.png", "21", fate="conflicting_ages", detail="(two ages.png): 21"),
        Row("photo.png", "thirty", fate="age_not_a_number", detail=f"real_age is 'thirty'; {number}"),
        Row("photo.png", "", fate="age_not_a_number", detail=f"real_age is ''; {number}"),
        Row("photo.png", "NaN", fate="age_not_a_number", detail=f"real_age is 'NaN'; {number}"),
        Row("photo.png", "inf", fate="age_not_a_number", detail=f"real_age is 'inf'; {number}"),
        Row("photo.png", "-3", fate="age_out_of_range", detail="real_age is -3; expected 0 to 116 years"),
        Row("photo.png", "300", fate="age_out_of_range", detail="real_age is 300; expected 0 to 116 years"),
        Row("photo.png", "116.5", fate="age_out_of_range", detail="real_age is 116.5; expected 0 to 116 years"),
        Row("empty.jpg", "31", fate="empty_file", detail="no bytes"),
        Row("also empty.jpg", "31", fate="empty_file", detail="no bytes"),
        Row("empty.jpg", "32", fate="empty_file", detail="no bytes"),
        Row("cut off.jpg", "33", fate="undecodable", detail="bytes of JPEG that don't decode: cut off or damaged"),
        Row("cut off.png", "34", fate="undecodable", detail="bytes of PNG that don't decode: cut off or damaged"),
        Row("header cut off.png", "34", fate="undecodable", detail="12 bytes of PNG without a header"),
        Row("text.jpg", "35", fate="unsupported_format", detail="neither JPEG nor PNG: the file begins with b'This is "),
        Row("text again.jpg", "35", fate="unsupported_format", detail="neither JPEG nor PNG"),
        Row("moving.gif", "36", fate="unsupported_format", detail="the file begins with b'GIF8"),
        Row("bitmap.jpg", "36", fate="unsupported_format", detail="the file begins with b'BM"),
        Row("dot.png", "37", fate="too_small", detail="1x1 pixels; at least 16 on each side"),
        Row("narrow.jpg", "37", fate="too_small", detail="15x100 pixels; at least 16 on each side"),
        Row("wide.jpg", "38", fate="too_large", detail="20000x16 pixels; at most 8192 on each side"),
        Row("high.png", "38", fate="too_large", detail="16x20000 pixels; at most 8192 on each side"),
        Row("bomb.png", "38", fate="too_large", detail="20000x20000 pixels; at most 8192 on each side"),
        Row("../../x", "39", fate="unsafe_file_name", detail="climbs out of the data directory"),
        Row("../secret.jpg", "39", fate="unsafe_file_name", detail="climbs out of the data directory"),
        Row("/etc/passwd", "39", fate="unsafe_file_name", detail="not relative to the data directory"),
        Row("C:\\x.jpg", "39", fate="unsafe_file_name", detail="not relative to the data directory"),
        Row("gs://bucket/x.jpg", "39", fate="unsafe_file_name", detail="not relative to the data directory"),
        Row("", "39", fate="unsafe_file_name", detail="blank"),
        Row("folder.jpg", "41", fate="unreadable_file", detail="the file can't be read: Is a directory"),
        Row(long_name, "42", fate="unreadable_file", detail="the file can't be read: File name too long"),
        Row("missing.jpg", "43", fate="missing_file", detail="no such file in ., final_files, images"),
        Row("missing.jpg", "43", fate="missing_file", detail="no such file"),
        Row('no, "such"\nfile, 贝.jpg', "43", fate="missing_file", detail="no such file"),
        Row("lost\nname.jpg", "43", fate="missing_file", detail="no such file"),
        Row("lost\rname.jpg", "43", fate="missing_file", detail="no such file"),
        Row("plain.jpg", "", fate="malformed_row", detail="the row has 1 fields, the header has 4", fields=("plain.jpg",)),
        Row(
            "plain.jpg",
            "25",
            fate="malformed_row",
            detail="the row has 5 fields, the header has 4",
            fields=("plain.jpg", "25", "a", "b", "c"),
        ),
    ]
    rows += [Row(f"face {number}.png", str(40 + number), "male") for number in range(20)]
    return files, rows


def write_data_set(directory: pathlib.Path, files: dict[str, bytes], rows: list[Row]) -> pathlib.Path:
    """Writes images and a label file with a byte order mark and CRLF; sets each row's line (its last one)."""
    for name, content in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    lines = 1
    with open(directory / "labels.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "real_age", "gender", "città"))
        for row in rows:
            writer.writerow(row.fields or (row.name, row.age, row.gender, row.city))
            lines += 1 + row.name.count("\n") + row.name.count("\r")
            row.line = lines
    return directory


@dataclasses.dataclass
class Ingested:
    """What ingestion wrote: features of the examples by split, the rejects' rows, the counts and the summary."""

    splits: dict[str, list[dict]]
    rejects: list[dict[str, str]]
    counts: dict
    summary: dict

    def examples(self) -> list[dict]:
        return [example for split in self.splits.values() for example in split]

    def by_name(self) -> dict[str, dict]:
        return {example["image/filename"].decode(): example for example in self.examples()}

    def split_of_each_picture(self) -> dict[bytes, str]:
        return {example["image/sha256"]: split for split, examples in self.splits.items() for example in examples}


def parsed(serialized: bytes) -> dict:
    """The features of a tf.Example, each of which must hold one value."""
    named = {}
    for name, feature in tf.train.Example.FromString(serialized).features.feature.items():
        (named[name],) = getattr(feature, feature.WhichOneof("kind")).value
    return named


def read_back(split_dirs: dict[str, pathlib.Path], rejects_dir: pathlib.Path) -> Ingested:
    splits = {}
    for split, directory in split_dirs.items():
        files = sorted(str(path) for path in directory.iterdir())
        assert files, "a split without pictures still has a file: its readers look for one"
        splits[split] = [parsed(record.numpy()) for record in tf.data.TFRecordDataset(files)]
    with open(rejects_dir / "rejects.csv", newline="", encoding="utf-8") as file:
        rejects = list(csv.DictReader(file, strict=True))
    counts, summary = (json.loads((rejects_dir / name).read_text()) for name in ("counts.json", "summary.json"))
    return Ingested(splits, rejects, counts, summary)


def run_ingest(data_dir: str, output: pathlib.Path) -> Ingested:
    split_dirs = {split: output / f"Split-{split}" for split in FRACTIONS}
    for directory in (*split_dirs.values(), output / "rejects"):
        directory.mkdir(parents=True)
    with beam.Pipeline(options=PipelineOptions(BEAM_ARGS)) as pipeline:
        ingestion.ingest(
            pipeline,
            data_dir=data_dir,
            split_dirs={split: str(directory) for split, directory in split_dirs.items()},
            rejects_dir=str(output / "rejects"),
            fractions=FRACTIONS,
            limits=LIMITS,
            attribute_names=list(label_file.read_header(f"{data_dir}/labels.csv").attributes),
        )
    return read_back(split_dirs, output / "rejects")


FILES, ROWS = files_and_rows()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("ingestion") / "data"
    (directory / "images").mkdir(parents=True)
    (directory.parent / "secret.jpg").write_bytes(picture("JPEG"))
    return write_data_set(directory, FILES, ROWS)


@pytest.fixture(scope="module")
def ingested(data, tmp_path_factory) -> Ingested:
    return run_ingest(str(data), tmp_path_factory.mktemp("ingested"))


def expected(fate: str) -> list[Row]:
    return [row for row in ROWS if row.fate == fate]


def stored(name: str) -> bytes:
    """The bytes of the file that a row's name stands for, by the design's order of folders."""
    return next(FILES[folder + name] for folder in ("", "final_files/", "images/") if folder + name in FILES)


def test_every_row_is_accounted_for_once(ingested):
    names = [example["image/filename"].decode() for example in ingested.examples()]
    in_examples = [next(row.line for row in ROWS if row.name == name) for name in names]
    in_rejects = [int(reject["line"]) for reject in ingested.rejects]
    left = {row.line for row in ROWS} - set(in_examples) - set(in_rejects)

    assert len(names) == len(set(names)), "no picture is stored twice"
    assert len(in_rejects) == len(set(in_rejects)), "no row is rejected twice"
    assert not set(in_examples) & set(in_rejects)
    assert left == {row.line for row in expected(DUPLICATE)}
    assert sorted(names) == sorted(row.name for row in expected(USED))


def test_counts_add_up_to_the_rows(ingested):
    counts = ingested.counts
    assert counts["rows"] == len(ROWS) == counts["used"] + counts["rejected"] + counts["duplicates"]
    assert counts["used"] == len(ingested.examples()) == sum(counts["splits"].values())
    assert counts["rejected"] == len(ingested.rejects) == sum(counts["rejects"].values())
    assert counts["duplicates"] == len(expected(DUPLICATE))
    assert counts["splits"] == {split: len(examples) for split, examples in ingested.splits.items()}
    assert counts["rejects"] == dict(collections.Counter(reject["reason"] for reject in ingested.rejects))


def test_summary_has_every_age_that_the_schema_allows_and_those_of_the_used_pictures(ingested):
    unreadable = {"malformed_row", "age_not_a_number", "age_out_of_range"}
    labels = collections.Counter(float(row.age) for row in ROWS if row.fate not in unreadable)
    ages = ingested.summary["ages"]

    assert {float(age): number for age, number in ages["labels"].items()} == labels
    for split, examples in ingested.splits.items():
        assert {float(age): number for age, number in ages[split].items()} == collections.Counter(
            example["age"] for example in examples
        )


def test_summary_describes_the_used_pictures(ingested):
    examples, summary = ingested.examples(), ingested.summary
    sizes = collections.Counter((example["image/width"], example["image/height"]) for example in examples)

    assert {(entry["width"], entry["height"]): entry["count"] for entry in summary["sizes"]} == sizes
    for split, of_split in ingested.splits.items():
        brightness = np.array([example["image/brightness"] for example in of_split])
        found = summary["brightness"][split]
        assert found["counts"] == list(np.histogram(brightness, bins=found["edges"])[0])
        assert found["mean"] == pytest.approx(brightness.mean(), abs=1e-6)
    for name in ("gender", "città"):
        values = collections.Counter(example[name].decode() for example in examples)
        assert {entry["value"]: entry["count"] for entry in summary["attributes"][name]} == values


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row.fate not in (USED, DUPLICATE)], ids=lambda row: f"{row.fate}: {row.name[:20]} {row.age}"
)
def test_reject_says_the_row_the_reason_and_the_detail(ingested, row):
    (reject,) = [reject for reject in ingested.rejects if int(reject["line"]) == row.line]
    assert (reject["file_name"], reject["real_age"], reject["reason"]) == (row.name, row.age, row.fate)
    assert row.detail in reject["detail"]
    assert "Traceback" not in reject["detail"] and len(reject["detail"]) < 300


def test_rejects_csv_parses_back_whatever_the_names_hold(ingested):
    assert all(list(reject) == ["line", "file_name", "real_age", "reason", "detail"] for reject in ingested.rejects)
    assert all(None not in reject.values() for reject in ingested.rejects)
    names = {reject["file_name"] for reject in ingested.rejects}
    assert {'no, "such"\nfile, 贝.jpg', "lost\nname.jpg", "lost\rname.jpg"} <= names


def test_conflict_names_every_row_of_the_picture(ingested):
    first, second = expected("conflicting_ages")[:2]
    (reject,) = [reject for reject in ingested.rejects if int(reject["line"]) == second.line]
    assert f"line {first.line} (twin 1.jpg): 20; line {second.line} (twin 2.jpg): 40" in reject["detail"]


def test_examples_have_the_features_of_the_design_and_one_for_each_attribute(ingested):
    for example in ingested.examples():
        assert set(example) == FEATURES


@pytest.mark.parametrize("row", expected(USED), ids=lambda row: repr(row.name))
def test_example_holds_the_image_as_stored_and_what_it_measures(ingested, row):
    example, encoded = ingested.by_name()[row.name], stored(row.name)
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    if image.mode == "RGBA":
        image.putalpha(255)
    assert example["image/encoded"] == encoded
    assert example["image/sha256"].decode() == hashlib.sha256(encoded).hexdigest()
    assert example["image/format"].decode() == Image.open(io.BytesIO(encoded)).format.lower()
    assert (example["image/width"], example["image/height"]) == image.size
    assert example["image/brightness"] == pytest.approx(np.asarray(image.convert("RGB")).mean() / 255, abs=1e-3)
    assert example["age"] == pytest.approx(float(row.age))
    assert example["gender"].decode() == row.gender.strip()
    assert example["città"].decode() == row.city


def test_rotated_picture_measures_as_it_is_seen(ingested):
    lying, standing = ingested.by_name()["turned3.jpg"], ingested.by_name()["turned6.jpg"]
    assert (lying["image/width"], lying["image/height"]) == (40, 24)
    assert (standing["image/width"], standing["image/height"]) == (24, 40)


def test_blank_attribute_is_an_empty_text(ingested):
    assert ingested.by_name()["cmyk.jpg"]["gender"] == b""


def test_first_of_equal_pictures_is_the_one_that_is_kept(ingested):
    kept = ingested.by_name()["plain.jpg"]
    assert (kept["gender"], kept["città"].decode()) == (b"female", "Zürich")


def test_split_follows_from_the_hash_of_the_content(ingested):
    assert all(ingested.splits.values()), "the set is large enough for every split"
    for split, examples in ingested.splits.items():
        for example in examples:
            place = int(hashlib.sha256(example["image/encoded"]).hexdigest(), 16) / 2**256
            assert split == ("train" if place < 0.5 else "validation" if place < 0.75 else "test")


def test_no_picture_falls_in_two_splits(ingested):
    hashes = [{example["image/sha256"] for example in examples} for examples in ingested.splits.values()]
    assert len(set.union(*hashes)) == sum(len(of_split) for of_split in hashes)


def face_example_gen_writes(data_dir: str, output: pathlib.Path, fingerprint: str = "f" * 64):
    """Runs FaceExampleGen's executor with the parameters that its declaration makes; returns its artifacts."""
    declared = component.FaceExampleGen(data_dir, fingerprint, FRACTIONS, LIMITS)
    examples, rejects = standard_artifacts.Examples(), Rejects()
    examples.uri, rejects.uri = str(output / "examples"), str(output / "rejects")
    context = base_beam_executor.BaseBeamExecutor.Context(beam_pipeline_args=BEAM_ARGS, tmp_dir=str(output / "tmp"))
    executor.Executor(context).Do({}, {"examples": [examples], "rejects": [rejects]}, declared.spec.exec_properties)
    return examples, rejects


def of_artifacts(examples, rejects) -> Ingested:
    split_dirs = {split: pathlib.Path(artifact_utils.get_split_uri([examples], split)) for split in FRACTIONS}
    return read_back(split_dirs, pathlib.Path(rejects.uri))


def by_hash(found: Ingested) -> dict[bytes, dict]:
    return {example["image/sha256"]: example for example in found.examples()}


def reasons(found: Ingested) -> dict[int, str]:
    return {int(reject["line"]): reject["reason"] for reject in found.rejects}


def test_component_gives_the_same_sets_again_and_says_so_in_its_artifacts(ingested, data, tmp_path):
    fingerprint = data_fingerprint(str(data)).content
    examples, rejects = face_example_gen_writes(str(data), tmp_path, fingerprint)
    again = of_artifacts(examples, rejects)

    assert by_hash(again) == by_hash(ingested)
    assert again.split_of_each_picture() == ingested.split_of_each_picture()
    assert sorted(map(repr, again.rejects)) == sorted(map(repr, ingested.rejects))
    assert again.counts == ingested.counts
    assert artifact_utils.decode_split_names(examples.split_names) == ["train", "validation", "test"]
    assert json.loads(examples.get_string_custom_property("attributes")) == ["gender", "città"]
    assert examples.get_string_custom_property("data_fingerprint") == fingerprint
    assert rejects.type_name == "age.Rejects"
    for name in ("rows", "used", "rejected", "duplicates"):
        assert rejects.get_int_custom_property(name) == ingested.counts[name]


def test_ingestion_reports_every_row_and_every_image_and_what_came_of_them(ingested, data, tmp_path):
    heard = []

    with progress.listening(heard.append):
        face_example_gen_writes(str(data), tmp_path)

    last = {report.doing: report for report in heard}
    hashing, decoding, outcome = last.values()
    rejected_before_decoding = len(ROWS) - decoding.total
    assert (hashing.done, hashing.total, hashing.unit) == (len(ROWS), len(ROWS), "rows")
    assert decoding.done == decoding.total and decoding.unit == "images" and rejected_before_decoding > 0
    assert outcome.outcome
    assert outcome.doing == (
        f"{ingested.counts['used']} of {len(ROWS)} rows used, {ingested.counts['rejected']} rejected, "
        f"{ingested.counts['duplicates']} duplicates"
    )


def test_data_directory_may_be_given_through_tensorflows_file_systems(ingested, data, tmp_path):
    found = of_artifacts(*face_example_gen_writes(f"file://{data}", tmp_path))
    assert by_hash(found) == by_hash(ingested)
    assert reasons(found) == reasons(ingested)
    assert found.counts == ingested.counts
    for reject in found.rejects:
        assert reject["detail"] and "tensorflow" not in reject["detail"].lower()


def test_other_names_and_another_order_move_no_picture_to_another_split(ingested, tmp_path):
    """And a data directory in memory will do, which no part but TensorFlow's file systems can read."""
    rows = list(reversed(expected(USED)))
    with tf.io.gfile.GFile("ram://renamed/labels.csv", "w") as file:
        file.write("file_name;real_age\n" + "".join(f"renamed {row.line}.jpg;{row.age}\n" for row in rows))
    for row in rows:
        with tf.io.gfile.GFile(f"ram://renamed/images/renamed {row.line}.jpg", "wb") as file:
            file.write(stored(row.name))

    found = run_ingest("ram://renamed", tmp_path)

    assert found.split_of_each_picture() == ingested.split_of_each_picture()
    assert all(name.startswith("renamed ") for name in found.by_name())
    assert found.counts["rejected"] == 0 and found.rejects == []
    assert data_fingerprint("ram://renamed").rows == len(rows)


def test_label_file_all_of_whose_images_are_missing_is_all_rejects(tmp_path):
    rows = [Row(f"{number}.jpg", "30", fate="missing_file") for number in range(200)]
    directory = tmp_path / "data"
    directory.mkdir()
    found = run_ingest(str(write_data_set(directory, {}, rows)), tmp_path / "output")
    assert found.examples() == []
    assert found.counts["rejects"] == {"missing_file": 200}
    assert (found.counts["rows"], found.counts["used"]) == (200, 0)
    assert found.summary["ages"] == {"labels": {"30": 200}}
    assert sorted(int(reject["line"]) for reject in found.rejects) == list(range(2, 202))


def test_appa_real_labels_without_their_images_are_all_rejects(shared_data, tmp_path):
    if not (shared_data / "appa_real_labels.csv").is_file():
        pytest.skip(f"no real labels: {shared_data / 'appa_real_labels.csv'} is missing")
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(shared_data / "appa_real_labels.csv", data / "labels.csv")
    rows = sum(1 for _ in label_file.read_rows(str(data / "labels.csv")))

    found = run_ingest(str(data), tmp_path / "output")

    assert rows > 1000
    assert (found.counts["rows"], found.counts["used"], found.counts["duplicates"]) == (rows, 0, 0)
    assert set(found.counts["rejects"]) == {"missing_file"}
    by_hand = collections.Counter(row.age_text for row in label_file.read_rows(str(data / "labels.csv")))
    assert found.summary["ages"] == {"labels": by_hand}


def test_component_ends_in_a_sentence_where_there_is_no_label_file(tmp_path):
    with pytest.raises(BadInput, match="labels.csv: there is no such file. Expected a CSV file with the columns"):
        face_example_gen_writes(str(tmp_path), tmp_path)
    assert not (tmp_path / "examples").exists(), "nothing is written that could be taken for a result"


@pytest.mark.parametrize("data_dir", ["file://{tmp_path}", "ram://nothing/here"])
def test_missing_remote_label_file_ends_in_a_sentence(data_dir, tmp_path):
    with pytest.raises(BadInput, match="labels.csv: there is no such file. Expected a CSV file with the columns"):
        label_file.read_header(f"{data_dir.format(tmp_path=tmp_path)}/labels.csv")


def test_file_system_that_tensorflow_lacks_ends_in_a_sentence():
    with pytest.raises(BadInput, match="tape://robot/labels.csv: the label file can't be read: .*'tape' not implemented"):
        data_fingerprint("tape://robot")


def test_remote_label_file_is_read_like_a_local_one():
    with tf.io.gfile.GFile("ram://labels/labels.csv", "wb") as file:
        file.write(b"\xef\xbb\xbffile_name,real_age\r\n" + b'"a,\r\nb.jpg",5\r\n' * 50_000 + b"bad\xff.jpg,5\r\n")
    rows = label_file.read_rows("ram://labels/labels.csv")
    first_rows = [next(rows) for _ in range(50_000)]
    assert {row.file_name for row in first_rows} == {"a,\r\nb.jpg"}
    assert first_rows[-1].line == 100_001
    with pytest.raises(BadInput, match="line 100002: byte 0xff is not UTF-8"):
        next(rows)


def hash_at(place: float) -> str:
    """A hash that begins at a place in [0, 1)."""
    return f"{int(place * 2**60):015x}" + "0" * 49


@pytest.mark.parametrize(
    "sha256, split",
    [
        ("0" * 64, "train"),
        ("7" + "f" * 11 + "0" * 52, "train"),
        (hash_at(0.5), "validation"),
        ("b" + "f" * 11 + "0" * 52, "validation"),
        (hash_at(0.75), "test"),
        ("f" * 64, "test"),
    ],
)
def test_shares_divide_the_hashes_in_order_each_without_its_upper_bound(sha256, split):
    assert ingestion.assign_split(sha256, FRACTIONS) == split


def test_last_hash_has_a_split_though_the_shares_sum_to_less_than_1_by_rounding():
    fractions = {"train": 0.7, "validation": 0.2, "test": 0.1}
    assert 0.7 + 0.2 + 0.1 < 1  # which sum() no longer says from Python 3.12 on
    assert ingestion.assign_split("f" * 64, fractions) == "test"


def test_split_with_a_share_of_nothing_gets_nothing():
    assert ingestion.assign_split("f" * 64, {"train": 0.9, "test": 0.1, "none": 0.0}) == "test"
    assert ingestion.assign_split("0" * 64, {"none": 0.0, "train": 1.0}) == "train"


def test_shares_of_many_hashes_are_those_asked_for():
    fractions = {"train": 0.8, "validation": 0.1, "test": 0.1}
    hashes = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(20_000))
    found = collections.Counter(ingestion.assign_split(sha256, fractions) for sha256 in hashes)
    assert {split: found[split] / 20_000 for split in fractions} == pytest.approx(fractions, abs=0.01)

"""One data set with every kind of bad input goes through Beam; each of its rows is accounted for."""

import collections
import csv
import hashlib
import io
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from age.dataset import data_facts, ingestion, label_file
from age.dataset.fingerprint import data_fingerprint
from tests.age.dataset.every_fault import (
    DUPLICATE,
    FEATURES,
    FILES,
    FRACTIONS,
    ROWS,
    USED,
    Ingested,
    Row,
    expected,
    picture,
    run_ingest,
    stored,
    write_data_set,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("ingestion") / "data"
    (directory / "images").mkdir(parents=True)
    (directory.parent / "secret.jpg").write_bytes(picture("JPEG"))
    return write_data_set(directory, FILES, ROWS)


@pytest.fixture(scope="module")
def ingested(data, tmp_path_factory) -> Ingested:
    return run_ingest(str(data), tmp_path_factory.mktemp("ingested"))


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


def test_no_cell_of_rejects_csv_is_a_formula_and_reports_say_what_the_label_file_says(tmp_path):
    write_formulas(tmp_path / "data")
    found = run_ingest(str(tmp_path / "data"), tmp_path / "out")

    cells = [cell for reject in found.rejects for cell in reject.values()]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@") or (cell.startswith("-") and not cell[1:].isdigit())]
    shown = data_facts.read(str(tmp_path / "out" / "rejects"), None).reject_examples
    assert {(row.file_name, row.real_age) for row in shown} == {
        ('=HYPERLINK("http://x","open")', "30"),
        ("@SUM(A1).jpg", "+a"),
        ("-x.jpg", "-5"),
    }


def write_formulas(directory):
    directory.mkdir()
    with open(directory / "labels.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [
                ("file_name", "real_age"),
                ('=HYPERLINK("http://x","open")', 30),
                ("@SUM(A1).jpg", "+a"),
                ("-x.jpg", -5),
            ]
        )


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

"""Photographs of one person, and pictures that look the same, are in one split; all others are where they were."""

import collections
import csv
import hashlib
import pathlib
import tarfile

import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from age.dataset import data_facts, ingestion, near_duplicates, split_groups
from age.dataset.split_groups import Grouping
from schemas.bad_input import BadInput
from tests.age.dataset.every_fault import FRACTIONS, Ingested, run_ingest
from tests.age.dataset.test_near_duplicates import encoded, scene

TOGETHER = Grouping(near_duplicates=True)
ALONE, TWICE, MIRRORED, PERSONS = 12, 12, 4, 8


def files_and_rows() -> tuple[dict[str, bytes], list[tuple[str, int, str]]]:
    files, rows = {}, []

    def add(name: str, content: bytes, age: int, person: str = "") -> None:
        files[name] = content
        rows.append((name, age, person))

    for number in range(ALONE):
        add(f"alone {number}.jpg", encoded(scene(number)), 20 + number)
    for number in range(TWICE):
        original = scene(100 + number)
        add(f"twice {number}.jpg", encoded(original, quality=95), 30)
        # Three of them with another age.
        add(f"again {number}.jpg", encoded(original.resize((100, 100)), quality=60), 30 if number < 9 else 40 + number)
    for number in range(MIRRORED):
        original = scene(200 + number)
        add(f"left {number}.jpg", encoded(original), 50)
        add(f"right {number}.jpg", encoded(ImageOps.mirror(original)), 50)
    for number in range(PERSONS):
        for year in range(3):
            add(f"person {number} {year}.jpg", encoded(scene(300 + 10 * number + year)), 10 + year, f"p{number}")
    # A near-duplicate of one person's photograph is named as another person's: both stay together.
    add("person 0 as 1.jpg", encoded(scene(300).resize((100, 100))), 10, "p1")
    return files, rows


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("groups") / "data"
    (directory / "images").mkdir(parents=True)
    files, rows = files_and_rows()
    for name, content in files.items():
        (directory / "images" / name).write_bytes(content)
    with open(directory / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file_name", "real_age", "person_id"), *rows])
    return directory


@pytest.fixture(scope="module")
def by_content(data, tmp_path_factory) -> Ingested:
    return run_ingest(str(data), tmp_path_factory.mktemp("by_content"))


@pytest.fixture(scope="module")
def output(data, tmp_path_factory) -> pathlib.Path:
    return tmp_path_factory.mktemp("grouped")


@pytest.fixture(scope="module")
def grouped(data, output) -> Ingested:
    return run_ingest(str(data), output, Grouping("person_id", near_duplicates=True))


def splits(found: Ingested) -> dict[str, str]:
    return {row["image/filename"].decode(): split for split, rows in found.splits.items() for row in rows}


def pairs(found: dict[str, str], one: str, other: str, number: int) -> list[tuple[str, str]]:
    return [(found[f"{one} {at}.jpg"], found[f"{other} {at}.jpg"]) for at in range(number)]


def test_near_duplicates_are_in_one_split_and_others_where_their_content_puts_them(by_content, grouped):
    before, after = splits(by_content), splits(grouped)

    assert any(one != other for one, other in pairs(before, "twice", "again", TWICE))
    assert all(one == other for one, other in pairs(after, "twice", "again", TWICE))
    assert {name: after[name] for name in after if name.startswith(("alone", "left", "right"))} == {
        name: before[name] for name in before if name.startswith(("alone", "left", "right"))
    }


def test_split_of_near_duplicates_is_that_of_one_of_them_by_what_says_nothing_of_splits(data, grouped):
    for number in range(TWICE):
        contents = [(data / "images" / f"{name} {number}.jpg").read_bytes() for name in ("twice", "again")]
        one = min((hashlib.sha256(content).hexdigest() for content in contents), key=lambda digest: digest[32:])
        assert splits(grouped)[f"twice {number}.jpg"] == ingestion.assign_split(one, FRACTIONS)


def test_many_copies_are_in_no_split_more_often_than_single_pictures():
    """Groups of ten: the least of ten hashes would lie in the first tenth of them."""
    keys = [hashlib.sha256(str(number).encode()).digest() for number in range(20_000)]
    links = [(keys[number - number % 10], keys[number]) for number in range(20_000) if number % 10]

    joined = split_groups._joined(links)
    found = collections.Counter(ingestion.assign_split(joined.get(key, key).hex(), FRACTIONS) for key in keys[::10])

    assert {split: found[split] / 2000 for split in FRACTIONS} == pytest.approx(FRACTIONS, abs=0.04)
    assert len({joined.get(key, key) for key in keys}) == 2000


def test_photographs_of_a_person_are_in_one_split(by_content, grouped):
    def of_person(found, number):
        return {split for name, split in splits(found).items() if name.startswith(f"person {number}")}

    assert any(len(of_person(by_content, number)) > 1 for number in range(PERSONS))
    assert all(len(of_person(grouped, number)) == 1 for number in range(PERSONS))
    assert of_person(grouped, 0) == of_person(grouped, 1), "one photograph looks the same and is named as both"
    assert len({split for number in range(PERSONS) for split in of_person(grouped, number)}) > 1


def test_what_was_found_is_counted(by_content, grouped):
    before = splits(by_content)
    all_pairs = [*pairs(before, "twice", "again", TWICE), (before["person 0 0.jpg"], before["person 0 as 1.jpg"])]
    of_persons = [
        {before[f"person {number} {year}.jpg"] for year in range(3)}
        | ({before["person 0 as 1.jpg"]} if number == 1 else set())
        for number in range(PERSONS)
    ]

    assert grouped.summary["near_duplicates"] == {
        "pairs": TWICE + 1,
        "apart": sum(one != other for one, other in all_pairs),
        "different_ages": 3,
    }
    assert grouped.summary["groups"] == {"groups": PERSONS, "apart": sum(len(found) > 1 for found in of_persons)}
    assert by_content.summary["near_duplicates"] is None and by_content.summary["groups"] is None


def test_pairs_are_listed_those_first_that_differ_most_in_age(output, grouped):
    with open(output / "rejects" / "near_duplicates.csv", newline="") as file:
        listed = list(csv.DictReader(file))

    assert len(listed) == TWICE + 1
    assert [(row["file_name"], row["other_file_name"]) for row in listed[:3]] == [
        (f"twice {number}.jpg", f"again {number}.jpg") for number in (11, 10, 9)
    ]
    facts = data_facts.read(str(output / "rejects"), None)
    assert (facts.near_duplicates.pairs, facts.groups.groups) == (TWICE + 1, PERSONS)
    first = facts.near_duplicates.examples[0]
    assert (first.real_age, first.other_real_age, first.mirrored) == (
        30,
        51,
        False,
    ) and first.differing_bits <= near_duplicates.DISTANCE


def test_group_column_is_no_attribute(grouped):
    assert all("person_id" not in example for example in grouped.examples())
    assert "person_id" not in grouped.summary["attributes"]


def test_every_file_is_decoded_once_to_be_measured_and_compared(data, tmp_path, monkeypatch):
    decode, decoded = tf.io.decode_jpeg, []

    def counted(contents, **options):
        decoded.append(contents)
        return decode(contents, **options)

    monkeypatch.setattr(tf.io, "decode_jpeg", counted)
    monkeypatch.setattr(Image, "open", None)
    run_ingest(str(data), tmp_path, TOGETHER)

    assert len(decoded) == len(list((data / "images").iterdir()))


def test_mirror_images_stay_together_when_asked_for(data, by_content, tmp_path):
    found = run_ingest(str(data), tmp_path, Grouping(near_duplicates=True, mirrored=True))
    assert any(one != other for one, other in pairs(splits(by_content), "left", "right", MIRRORED))
    assert all(one == other for one, other in pairs(splits(found), "left", "right", MIRRORED))
    assert found.summary["near_duplicates"]["pairs"] == TWICE + MIRRORED + 1


def test_many_searches_find_what_one_finds_and_shards_what_loose_files_give(data, output, grouped, tmp_path, monkeypatch):
    monkeypatch.setattr(split_groups, "ROWS_IN_ONE_SEARCH", 10)
    shards = tmp_path / "shards"
    shards.mkdir()
    (shards / "labels.csv").write_bytes((data / "labels.csv").read_bytes())
    with tarfile.open(shards / "faces.tar", "w") as archive:
        archive.add(data / "images", "images")

    found = run_ingest(str(shards), tmp_path / "found", Grouping("person_id", near_duplicates=True))

    assert splits(found) == splits(grouped)
    assert found.summary == grouped.summary
    listed = [directory / "rejects" / "near_duplicates.csv" for directory in (output, tmp_path / "found")]
    assert listed[0].read_bytes() == listed[1].read_bytes()


def test_copy_of_a_picture_under_two_persons_keeps_both_together(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    rows = [("shared.png", 30, "a"), ("copy.png", 30, "b")]
    rows += [(f"{person}{number}.png", 30, person) for person in "ab" for number in range(3)]
    for place, (name, *_) in enumerate(rows):
        (data / name).write_bytes(encoded(scene(0 if place < 2 else place, 40), "PNG"))
    with open(data / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([("file_name", "real_age", "person"), *rows])

    found = run_ingest(str(data), tmp_path / "found", Grouping("person"))

    assert len(set(splits(found).values())) == 1
    assert found.counts["duplicates"] == 1


def test_column_that_is_not_there_is_said(data, tmp_path):
    with pytest.raises(
        BadInput, match=r"labels.csv, line 1: no column 'subject' \(data.group_column\); the columns are 'file_name',"
    ):
        run_ingest(str(data), tmp_path, Grouping("subject"))


def test_flat_pictures_are_no_near_duplicates(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for number in range(6):
        (data / f"{number}.png").write_bytes(encoded(Image.new("RGB", (40, 40), (40 * number,) * 3), "PNG"))
    (data / "labels.csv").write_text("file_name,real_age\n" + "".join(f"{number}.png,30\n" for number in range(6)))

    assert run_ingest(str(data), tmp_path / "found", TOGETHER).summary["near_duplicates"]["pairs"] == 0

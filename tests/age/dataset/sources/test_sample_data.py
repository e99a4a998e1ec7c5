"""The demo's data set: drawn faces in the pipeline's input form."""

import collections
import csv
import hashlib
import random

import pytest
from PIL import Image

from age.dataset.sources import drawn_faces
from age.dataset.sources.sample_data import write_sample_data
from schemas.bad_input import BadInput

COUNT, SIZE = 410, 32


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sample")
    write_sample_data(str(directory), count=COUNT, image_size=SIZE)
    return directory


def rows_of(directory):
    with open(directory / "labels.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def decodes(path):
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True


def test_every_row_has_a_name_an_age_and_two_attributes(sample):
    rows = rows_of(sample)
    assert len(rows) == COUNT
    assert list(rows[0]) == ["file_name", "real_age", "gender", "backdrop"]
    assert rows[0]["file_name"] == "face_00000.jpg"
    assert {row["gender"] for row in rows} == set(drawn_faces.GENDERS)
    assert {row["backdrop"] for row in rows} == set(drawn_faces.BACKDROPS)


def test_ages_cover_1_to_90_evenly(sample):
    ages = [int(row["real_age"]) for row in rows_of(sample) if row["real_age"].isdigit()]
    assert (min(ages), max(ages)) == (1, 90)
    by_decade = collections.Counter(age // 10 for age in ages if age < 90)
    assert max(by_decade.values()) <= 1.25 * min(by_decade.values())


def test_pictures_are_colour_jpegs_of_the_size_asked_for(sample):
    with Image.open(sample / "final_files" / "face_00007.jpg") as image:
        assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (SIZE, SIZE))


def test_a_set_of_more_than_400_rows_has_one_of_each_fault(sample):
    rows = rows_of(sample)
    files = {row["file_name"]: sample / "final_files" / row["file_name"] for row in rows}
    missing = [name for name, path in files.items() if not path.exists()]
    present = {name: path for name, path in files.items() if path.exists()}
    cut_off = [name for name, path in present.items() if not decodes(path)]
    not_a_number = [row["file_name"] for row in rows if not row["real_age"].isdigit()]
    by_content = collections.defaultdict(list)
    for name, path in present.items():
        by_content[hashlib.sha256(path.read_bytes()).hexdigest()].append(name)
    copies = [names for names in by_content.values() if len(names) > 1]
    assert len(missing) == len(cut_off) == len(not_a_number) == len(copies) == 1
    assert len(copies[0]) == 2
    assert len({row["real_age"] for row in rows if row["file_name"] in copies[0]}) == 1
    assert len({*missing, *cut_off, *not_a_number, *copies[0]}) == 5


def test_less_than_a_hundredth_of_a_small_set_is_faulty(tmp_path):
    write_sample_data(str(tmp_path), count=100, image_size=16)
    rows = rows_of(tmp_path)
    assert all(row["real_age"].isdigit() and decodes(tmp_path / "final_files" / row["file_name"]) for row in rows)
    assert len({(tmp_path / "final_files" / row["file_name"]).read_bytes() for row in rows}) == 100


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        write_sample_data(str(tmp_path / name), count=12, image_size=24, seed=seed)
    assert contents(tmp_path / "first") == contents(tmp_path / "again")
    first, other = contents(tmp_path / "first"), contents(tmp_path / "other")
    assert not set(first.values()) & set(other.values())


def test_a_face_looks_different_at_different_ages_of_the_same_person():
    def face(age):
        return drawn_faces.draw_face(random.Random(5), age, "male", "sand", 48).tobytes()

    assert len({face(age) for age in (2, 10, 20, 35, 50, 65, 80)}) == 7


def test_writing_again_with_the_same_parameters_touches_nothing(tmp_path):
    write_sample_data(str(tmp_path), count=5, image_size=24)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    write_sample_data(str(tmp_path), count=5, image_size=24)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_writing_that_was_interrupted_is_completed(tmp_path):
    write_sample_data(str(tmp_path), count=5, image_size=24)
    whole = contents(tmp_path)
    (tmp_path / "labels.csv").unlink()
    (tmp_path / "final_files" / "face_00003.jpg").write_bytes(b"half")
    write_sample_data(str(tmp_path), count=5, image_size=24)
    assert contents(tmp_path) == whole


def test_other_parameters_are_refused_and_the_set_stays(tmp_path):
    write_sample_data(str(tmp_path), count=5, image_size=24)
    before = contents(tmp_path)
    with pytest.raises(BadInput, match="count 5.*asked for: count 6"):
        write_sample_data(str(tmp_path), count=6, image_size=24)
    assert contents(tmp_path) == before


def test_somebody_elses_label_file_is_refused_and_stays(tmp_path):
    (tmp_path / "labels.csv").write_text("file_name,real_age\nmine.jpg,30\n")
    with pytest.raises(BadInput, match="was not written as sample data"):
        write_sample_data(str(tmp_path), count=5)
    assert list(contents(tmp_path).values()) == [b"file_name,real_age\nmine.jpg,30\n"]


def test_somebody_elses_pictures_are_refused_and_stay(tmp_path):
    (tmp_path / "final_files").mkdir()
    (tmp_path / "final_files" / "face_00000.jpg").write_bytes(b"mine")
    with pytest.raises(BadInput, match="final_files"):
        write_sample_data(str(tmp_path), count=5)
    assert list(contents(tmp_path).values()) == [b"mine"]


def test_a_label_file_that_was_edited_is_not_overwritten(tmp_path):
    write_sample_data(str(tmp_path), count=5, image_size=24)
    with open(tmp_path / "labels.csv", "a") as file:
        file.write("mine.jpg,30,male,grey\n")
    with pytest.raises(BadInput, match="changed after"):
        write_sample_data(str(tmp_path), count=5, image_size=24)
    assert (tmp_path / "labels.csv").read_text().endswith("mine.jpg,30,male,grey\n")


@pytest.mark.parametrize("wrong", [{"count": 0}, {"image_size": 8}, {"image_size": 5000}])
def test_impossible_parameters_are_refused(tmp_path, wrong):
    with pytest.raises(BadInput, match="ask for"):
        write_sample_data(str(tmp_path / "new"), **wrong)
    assert not (tmp_path / "new").exists()


def test_a_file_in_the_directorys_place_is_refused(tmp_path):
    (tmp_path / "taken").write_text("mine")
    with pytest.raises(BadInput, match="this is a file"):
        write_sample_data(str(tmp_path / "taken"), count=5)

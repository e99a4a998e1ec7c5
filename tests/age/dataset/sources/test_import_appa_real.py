"""The APPA-REAL release as it is downloaded becomes an input directory."""

import csv

import pytest
from PIL import Image

from age.dataset.sources.import_appa_real import import_appa_real
from schemas.bad_input import BadInput

HEADER = "file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age\n"
CATEGORIES = "file,gender,race,makeup,time,happiness\n"


def add_picture(path, shade):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (shade, 120, 140)).save(path, "JPEG")


@pytest.fixture
def release(tmp_path):
    """Three parts of two pictures each, ages 10 to 15, crops of all faces."""
    folder = tmp_path / "appa-real-release"
    for number in range(6):
        part = ("train", "valid", "test")[number // 2]
        name = f"{number:06}.jpg"
        add_picture(folder / part / name, number)
        add_picture(folder / part / f"{name}_face.jpg", 100 + number)
        labels = folder / f"gt_avg_{part}.csv"
        before = labels.read_text() if labels.exists() else HEADER
        labels.write_text(before + f"{name},38,{number + 11.4},3.2,{number + 10}\n")
    return folder


def rows_of(directory):
    with open(directory / "labels.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_all_parts_become_one_set_of_face_crops_with_real_ages(release, tmp_path):
    summary = import_appa_real(str(release), str(tmp_path / "set"))
    assert (summary.rows, summary.linked, summary.copied) == (6, 6, 0)
    assert (summary.whole_photos, summary.left_out) == (0, ())
    rows = rows_of(tmp_path / "set")
    assert [row["file_name"] for row in rows] == [f"{number:06}.jpg_face.jpg" for number in range(6)]
    assert [row["real_age"] for row in rows] == ["10", "11", "12", "13", "14", "15"]
    assert list(rows[0]) == ["file_name", "real_age"]
    assert (tmp_path / "set" / "final_files" / "000004.jpg_face.jpg").samefile(release / "test" / "000004.jpg_face.jpg")


def test_the_folder_around_the_release_will_do(release, tmp_path):
    assert import_appa_real(str(release.parent), str(tmp_path / "set")).rows == 6


def test_the_photograph_stands_in_for_a_crop_that_is_missing_and_is_counted(release, tmp_path):
    (release / "valid" / "000002.jpg_face.jpg").unlink()
    summary = import_appa_real(str(release), str(tmp_path / "set"))
    assert (summary.rows, summary.whole_photos) == (6, 1)
    assert rows_of(tmp_path / "set")[2]["file_name"] == "000002.jpg"
    assert "1 of them are whole photographs" in str(summary)


def test_a_row_without_any_picture_is_reported(release, tmp_path):
    for name in ("000002.jpg_face.jpg", "000002.jpg"):
        (release / "valid" / name).unlink()
    summary = import_appa_real(str(release), str(tmp_path / "set"))
    assert summary.rows == 5
    assert [item.name for item in summary.left_out] == ["valid/000002.jpg"]


def test_a_part_without_label_file_is_reported(release, tmp_path):
    (release / "gt_avg_test.csv").unlink()
    summary = import_appa_real(str(release), str(tmp_path / "set"))
    assert summary.rows == 4
    assert [(item.name, item.reason) for item in summary.left_out] == [("test", "the release has no gt_avg_test.csv")]


@pytest.mark.parametrize("place", [".", "allcategories_trainvalidtest_split", "../allcategories_trainvalidtest_split"])
def test_gender_and_race_become_attributes(release, tmp_path, place):
    (release / place).mkdir(exist_ok=True)
    (release / place / "allcategories_train.csv").write_text(
        f"{CATEGORIES}000000.jpg,female,asian,makeup,modernphoto,happy\n000001.jpg,Male,Caucasian,nomakeup,oldphoto,neutral\n"
    )
    import_appa_real(str(release), str(tmp_path / "set"))
    said = [(row["gender"], row["ethnicity"]) for row in rows_of(tmp_path / "set")]
    assert said[:3] == [("female", "asian"), ("male", "caucasian"), ("", "")]


def test_a_picture_with_two_ages_keeps_both_rows_for_the_pipeline_to_judge(release, tmp_path):
    with open(release / "gt_avg_train.csv", "a") as file:
        file.write("000000.jpg,38,11.4,3.2,50\n")
    import_appa_real(str(release), str(tmp_path / "set"))
    ages = [row["real_age"] for row in rows_of(tmp_path / "set") if row["file_name"] == "000000.jpg_face.jpg"]
    assert ages == ["10", "50"]


def test_pictures_of_one_name_in_two_parts_stay_apart(release, tmp_path):
    add_picture(release / "valid" / "000000.jpg_face.jpg", 200)
    with open(release / "gt_avg_valid.csv", "a") as file:
        file.write("000000.jpg,38,11.4,3.2,50\n")
    import_appa_real(str(release), str(tmp_path / "set"))
    names = {row["real_age"]: row["file_name"] for row in rows_of(tmp_path / "set")}
    assert (names["10"], names["50"]) == ("000000.jpg_face.jpg", "valid_000000.jpg_face.jpg")


def test_a_row_that_climbs_out_of_its_folder_is_left_out(release, tmp_path):
    add_picture(tmp_path / "private.jpg", 1)
    with open(release / "gt_avg_train.csv", "a") as file:
        file.write("../../private.jpg,38,11.4,3.2,50\n")
    summary = import_appa_real(str(release), str(tmp_path / "set"))
    assert [item.reason for item in summary.left_out] == ["the row names no file of its folder"]


@pytest.mark.parametrize("below", ["", "set"])
def test_the_destination_may_be_the_source_or_lie_in_it(release, below):
    assert import_appa_real(str(release), str(release / below)).rows == 6
    (release / below / "labels.csv").unlink()
    assert import_appa_real(str(release), str(release / below)).rows == 6


def test_a_label_file_in_the_destination_is_refused_and_stays(release, tmp_path):
    (tmp_path / "labels.csv").write_text("mine")
    with pytest.raises(BadInput, match="a label file already"):
        import_appa_real(str(release), str(tmp_path))
    assert (tmp_path / "labels.csv").read_text() == "mine"


def test_a_folder_of_another_kind_is_refused(tmp_path):
    with pytest.raises(BadInput, match="no APPA-REAL release.*gt_avg_train.csv"):
        import_appa_real(str(tmp_path), str(tmp_path / "set"))


def test_a_label_file_with_other_columns_is_refused_with_what_was_found(release, tmp_path):
    (release / "gt_avg_valid.csv").write_text("file_name,age\n000002.jpg,12\n")
    with pytest.raises(BadInput, match="valid.csv, line 1: no column 'real_age'; the columns are 'file_name', 'age'"):
        import_appa_real(str(release), str(tmp_path / "set"))
    assert not (tmp_path / "set").exists()


def test_labels_without_any_picture_are_refused(release, tmp_path):
    for path in release.rglob("*.jpg"):
        path.unlink()
    with pytest.raises(BadInput, match="none of them is there"):
        import_appa_real(str(release), str(tmp_path / "set"))

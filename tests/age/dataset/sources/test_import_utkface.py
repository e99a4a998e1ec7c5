"""UTKFace folders as they are downloaded become input directories."""

import csv
import os
import pathlib

import pytest
from PIL import Image

from age.dataset.sources.import_utkface import import_utkface, read_name
from schemas.bad_input import BadInput


def add_picture(folder, name, shade=100):
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (shade, 120, 140)).save(folder / name, "JPEG")
    return folder / name


def rows_of(directory):
    with open(directory / "labels.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "name, age, attributes",
    [
        ("26_1_2_20170104022229597.jpg.chip.jpg", 26, {"gender": "female", "ethnicity": "asian"}),
        ("100_0_0_20170112213500903.jpg", 100, {"gender": "male", "ethnicity": "white"}),
        ("1_0_1_2017011022340900.jpg.chip.jpg", 1, {"gender": "male", "ethnicity": "black"}),
        ("24_0_3_20170116220224657 .jpg.chip.jpg", 24, {"gender": "male", "ethnicity": "indian"}),
        ("55_0_4_20170116232725357jpg.chip.jpg", 55, {"gender": "male", "ethnicity": "other"}),
        ("39_1_20170116174525125.jpg.chip.jpg", 39, {"gender": "female"}),
        ("61_3_20170109150557335.jpg.chip.jpg", 61, {"ethnicity": "indian"}),
        ("53__0_20170116184028385.jpg.chip.jpg", 53, {"ethnicity": "white"}),
        ("44_7_9_20170116235150272.jpg.chip.jpg", 44, {}),
    ],
)
def test_a_name_says_age_gender_and_ethnicity_or_part_of_it(name, age, attributes):
    assert read_name(name) == (age, attributes)


@pytest.mark.parametrize(
    "name", ["_1_0_20170109150557335.jpg", "holiday.jpg", "12_photo.jpg", "4000_1_1_20170109150557335.jpg"]
)
def test_a_name_of_another_kind_says_no_age(name):
    assert read_name(name) is None


def test_a_flat_folder_becomes_an_input_directory(tmp_path):
    source = tmp_path / "UTKFace"
    first = add_picture(source, "1_0_0_20170110213203795.jpg.chip.jpg", 10)
    add_picture(source, "39_1_20170116174525125.jpg.chip.jpg", 20)
    summary = import_utkface(str(source), str(tmp_path / "set"))
    assert (summary.rows, summary.linked, summary.copied, summary.left_out) == (2, 2, 0, ())
    assert rows_of(tmp_path / "set") == [
        {"file_name": first.name, "real_age": "1", "gender": "male", "ethnicity": "white"},
        {"file_name": "39_1_20170116174525125.jpg.chip.jpg", "real_age": "39", "gender": "female", "ethnicity": ""},
    ]
    placed = tmp_path / "set" / "final_files" / first.name
    assert placed.samefile(first) and not placed.is_symlink()


def test_subfolders_are_read_in_order(tmp_path):
    for folder, name in (("part2", "5_0_0_20170110213203795.jpg"), ("part1", "80_1_4_20170110213203795.jpg")):
        add_picture(tmp_path / "download" / folder, name, len(name))
    import_utkface(str(tmp_path / "download"), str(tmp_path / "set"))
    assert [row["real_age"] for row in rows_of(tmp_path / "set")] == ["80", "5"]


def test_what_has_no_age_is_reported_by_name(tmp_path):
    source = tmp_path / "UTKFace"
    add_picture(source, "30_0_0_20170110213203795.jpg.chip.jpg")
    add_picture(source / "part1", "holiday.jpg")
    (source / "landmarks.txt").write_text("...")
    (source / "._30_0_0_20170110213203795.jpg.chip.jpg").write_bytes(b"\0\5\x16\7")
    summary = import_utkface(str(source), str(tmp_path / "set"))
    assert summary.rows == 1
    assert {(item.name, item.reason) for item in summary.left_out} == {
        (os.path.join("part1", "holiday.jpg"), "no age in its name"),
        ("landmarks.txt", "not a picture"),
        ("._30_0_0_20170110213203795.jpg.chip.jpg", "not a picture"),
    }
    assert "holiday.jpg" in str(summary)


def test_a_picture_with_a_mistyped_suffix_is_kept(tmp_path):
    add_picture(tmp_path / "UTKFace", "44_1_4_20170116235150272.pg")
    assert import_utkface(str(tmp_path / "UTKFace"), str(tmp_path / "set")).rows == 1


def test_the_crop_stands_for_the_photograph_that_it_was_cut_from(tmp_path):
    source = tmp_path / "download"
    add_picture(source / "part1", "30_0_0_20170110213203795.jpg", 10)
    add_picture(source / "UTKFace", "30_0_0_20170110213203795.jpg.chip.jpg", 20)
    summary = import_utkface(str(source), str(tmp_path / "set"))
    assert [row["file_name"] for row in rows_of(tmp_path / "set")] == ["30_0_0_20170110213203795.jpg.chip.jpg"]
    assert [item.reason for item in summary.left_out] == ["the crop of the face from it is used"]


def test_a_copy_in_another_folder_is_left_out_and_another_picture_of_that_name_is_renamed(tmp_path):
    name = "30_0_0_20170110213203795.jpg.chip.jpg"
    for folder, shade in (("a", 10), ("b", 10), ("c", 20)):
        add_picture(tmp_path / "download" / folder, name, shade)
    summary = import_utkface(str(tmp_path / "download"), str(tmp_path / "set"))
    assert [row["file_name"] for row in rows_of(tmp_path / "set")] == [name, f"c_{name}"]
    assert [(item.name, item.reason) for item in summary.left_out] == [
        (os.path.join("b", name), "an exact copy of a picture of the same name")
    ]


def test_a_link_in_the_source_is_followed(tmp_path):
    real = add_picture(tmp_path / "elsewhere", "real.jpg")
    (tmp_path / "UTKFace").mkdir()
    link = tmp_path / "UTKFace" / "30_0_0_20170110213203795.jpg"
    link.symlink_to(real)
    (tmp_path / "UTKFace" / "31_0_0_20170110213203795.jpg").symlink_to(tmp_path / "nowhere.jpg")
    summary = import_utkface(str(tmp_path / "UTKFace"), str(tmp_path / "set"))
    placed = tmp_path / "set" / "final_files" / link.name
    assert placed.is_file() and not placed.is_symlink()
    assert [item.name for item in summary.left_out] == ["31_0_0_20170110213203795.jpg"]


@pytest.mark.parametrize("below", ["", "set", os.path.join("part1", "set")])
def test_the_destination_may_be_the_source_or_lie_in_it(tmp_path, below):
    add_picture(tmp_path / "part1", "30_0_0_20170110213203795.jpg", 10)
    add_picture(tmp_path, "31_0_0_20170110213203795.jpg", 20)
    destination = tmp_path / below
    summary = import_utkface(str(tmp_path), str(destination))
    assert (summary.rows, summary.left_out) == (2, ())
    (destination / "labels.csv").unlink()
    again = import_utkface(str(tmp_path), str(destination))
    assert (again.rows, again.left_out) == (2, ())


def test_pictures_are_copied_onto_another_disk(tmp_path):
    other_disk = pathlib.Path("/dev/shm")
    if not os.access(other_disk, os.W_OK) or other_disk.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm to copy to")
    source = add_picture(tmp_path / "UTKFace", "30_0_0_20170110213203795.jpg")
    import tempfile

    with tempfile.TemporaryDirectory(dir=other_disk) as destination:
        summary = import_utkface(str(tmp_path / "UTKFace"), destination)
        assert (summary.linked, summary.copied) == (0, 1)
        assert (pathlib.Path(destination) / "final_files" / source.name).read_bytes() == source.read_bytes()


def test_a_label_file_in_the_destination_is_refused_and_stays(tmp_path):
    add_picture(tmp_path / "UTKFace", "30_0_0_20170110213203795.jpg")
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "labels.csv").write_text("mine")
    with pytest.raises(BadInput, match="a label file already"):
        import_utkface(str(tmp_path / "UTKFace"), str(tmp_path / "set"))
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["labels.csv"]


def test_another_file_in_a_pictures_place_is_refused_and_stays(tmp_path):
    add_picture(tmp_path / "UTKFace", "30_0_0_20170110213203795.jpg")
    taken = tmp_path / "set" / "final_files" / "30_0_0_20170110213203795.jpg"
    taken.parent.mkdir(parents=True)
    taken.write_bytes(b"mine")
    with pytest.raises(BadInput, match="another file is in this place"):
        import_utkface(str(tmp_path / "UTKFace"), str(tmp_path / "set"))
    assert taken.read_bytes() == b"mine"


def test_an_empty_a_wrong_and_an_absent_folder_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="found: no files"):
        import_utkface(str(tmp_path / "empty"), str(tmp_path / "set"))
    add_picture(tmp_path / "wrong", "holiday.jpg")
    with pytest.raises(BadInput, match="found: holiday.jpg"):
        import_utkface(str(tmp_path / "wrong"), str(tmp_path / "set"))
    with pytest.raises(BadInput, match="there is nothing here"):
        import_utkface(str(tmp_path / "absent"), str(tmp_path / "set"))
    assert not (tmp_path / "set").exists()


def test_every_age_of_the_real_names_is_read(shared_data, tmp_path):
    summary = import_utkface(str(shared_data / "utkface_raw"), str(tmp_path / "set"))
    rows = rows_of(tmp_path / "set")
    assert (summary.rows, len(rows), summary.left_out) == (60, 60, ())
    assert all(row["file_name"].startswith(row["real_age"] + "_") for row in rows)
    assert sorted(row["real_age"] for row in rows if not row["ethnicity"]) == ["39", "61", "61"]

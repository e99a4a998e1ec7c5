"""Corrections of labels, and the label file that they are exported to."""

import csv
import pathlib

import pytest

from age.dataset import label_corrections, label_file
from age.dataset.label_corrections import Correction
from schemas.bad_input import BadInput

LABELS = 'file_name;real_age;gender\n"a;1.jpg";30;female\nb.jpg; 41 ;male\n\nc.jpg;oops;male\nd.jpg;5\n'


def correction(name, before, age, by="anna"):
    return Correction(name, before, age, by, "2026-01-01T00:00:00+00:00", "")


def by_name(*corrections):
    return {one.file_name: one for one in corrections}


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(LABELS)
    return str(path)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.reader(file, delimiter=";"))


def test_exported_file_has_every_row_with_what_stood_there_and_who_changed_it(labels, tmp_path):
    out = str(tmp_path / "new.csv")

    exported = label_corrections.export(
        labels, by_name(correction("a;1.jpg", 30, 3.5, by="=cmd"), correction("b.jpg", 41, 14)), out
    )

    assert exported == (2, 4)
    assert rows_of(out) == [
        ["file_name", "real_age", "gender", "real_age_before", "real_age_changed_by"],
        ["a;1.jpg", "3.5", "female", "30", "'=cmd"],
        ["b.jpg", "14", "male", "41", "anna"],
        ["c.jpg", "oops", "male", "", ""],
        # Still a row with too few fields.
        ["d.jpg", "5", "", ""],
    ]
    assert label_file.read_header(out).attributes == ("gender",)
    assert [bool(row.problem) for row in label_file.read_rows(out)] == [False, False, False, True]
    assert pathlib.Path(labels).read_text() == LABELS


def test_what_was_exported_can_be_corrected_again_and_the_first_age_stays(labels, tmp_path):
    once, twice = str(tmp_path / "once.csv"), str(tmp_path / "twice.csv")
    label_corrections.export(labels, by_name(correction("b.jpg", 41, 14)), once)

    label_corrections.export(once, by_name(correction("b.jpg", 14, 15, by="ben"), correction("a;1.jpg", 30, 31)), twice)

    assert rows_of(twice)[1][3:] == ["30", "anna"] and rows_of(twice)[2][1:] == ["15", "male", "41", "ben"]
    # A correction that has been made already changes nothing.
    again = label_corrections.export(twice, by_name(correction("b.jpg", 14, 15)), str(tmp_path / "again.csv"))
    assert again.changed == 0


@pytest.mark.parametrize(
    ("corrections", "out", "said"),
    [
        ([], "new.csv", "no corrections were accepted"),
        ([("b.jpg", 41, 14)], "labels.csv", "there is such a file already"),
        ([("b.jpg", 41, 14)], "nowhere/new.csv", "its directory is not there"),
        ([("z.jpg", 41, 14)], "new.csv", "there is no row of 'z.jpg'"),
        ([("b.jpg", 40, 14)], "new.csv", "'b.jpg' has the age ' 41 ', and the correction was made of 40"),
    ],
)
def test_what_can_not_be_exported_is_said_and_nothing_is_written(labels, tmp_path, corrections, out, said):
    with pytest.raises(BadInput, match=said):
        label_corrections.export(labels, by_name(*(correction(*one) for one in corrections)), str(tmp_path / out))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv"] and pathlib.Path(labels).read_text() == LABELS


def test_a_later_correction_replaces_an_earlier_one_and_texts_are_no_formulas(tmp_path):
    path = str(tmp_path / label_corrections.FILE_NAME)

    label_corrections.add(path, [correction("=a.jpg", 1, 2), correction("b.jpg", 3, 4)])
    label_corrections.add(path, [correction("=a.jpg", 1, 20, by="@ben")])

    assert "\n=a" not in pathlib.Path(path).read_text() and ",@ben" not in pathlib.Path(path).read_text()
    found = label_corrections.read(path)
    assert [(name, one.age, one.by) for name, one in found.items()] == [("=a.jpg", 20.0, "@ben"), ("b.jpg", 4.0, "anna")]


def test_a_damaged_record_is_told_by_its_line(tmp_path):
    path = tmp_path / label_corrections.FILE_NAME
    path.write_text("file_name,age_before,age,by,when,reason\na.jpg,old,3,anna,now,\n")

    with pytest.raises(BadInput, match="line 2: no correction of a label"):
        label_corrections.read(str(path))
    assert label_corrections.read(str(tmp_path / "none.csv")) == {}

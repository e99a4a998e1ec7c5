"""Data sets that say who is on a photograph become input directories with a column for `data.group_column`."""

import csv
import datetime
import pathlib

import numpy as np
import pytest
import scipy.io
from PIL import Image

from age.dataset import label_file
from age.dataset.sources.import_agedb import import_agedb
from age.dataset.sources.import_all_age_faces import import_all_age_faces
from age.dataset.sources.import_fgnet import import_fgnet
from age.dataset.sources.import_imdb_wiki import age_of, import_imdb_wiki
from age.dataset.sources.import_morph import import_morph
from schemas.bad_input import BadInput

MORPH_HEADER = "id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo\n"


def add_pictures(folder: pathlib.Path, *names: str) -> pathlib.Path:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (number, 120, 140)).save(folder / name, "JPEG")
    return folder


def rows_of(directory: pathlib.Path) -> list[tuple[str, ...]]:
    with open(directory / "labels.csv", encoding="utf-8", newline="") as file:
        return [tuple(row) for row in csv.reader(file)]


def test_fgnet_names_say_person_and_age(tmp_path):
    add_pictures(tmp_path / "FGNET" / "images", "001A02.JPG", "001A43a.JPG", "001A43b.JPG", "082a05.jpg", "thumbnail.jpg")
    (tmp_path / "FGNET" / "points").mkdir()
    (tmp_path / "FGNET" / "points" / "001a02.pts").write_text("version: 1")

    summary = import_fgnet(str(tmp_path / "FGNET"), str(tmp_path / "set"))

    assert rows_of(tmp_path / "set") == [
        ("file_name", "real_age", "person_id"),
        ("001A02.JPG", "2", "001"),
        ("001A43a.JPG", "43", "001"),
        ("001A43b.JPG", "43", "001"),
        ("082a05.jpg", "5", "082"),
    ]
    assert [(item.name, item.reason) for item in summary.left_out] == [
        ("images/thumbnail.jpg", "its name is not of the kind 001A43a.JPG"),
        ("points/001a02.pts", "not a picture"),
    ]


def test_all_age_faces_names_say_number_and_age_and_numbers_the_gender(tmp_path):
    add_pictures(tmp_path / "AAF" / "original images", "00000A02.jpg", "07380A35.jpg", "07381A35.jpg", "13321A80.jpg")

    import_all_age_faces(str(tmp_path / "AAF"), str(tmp_path / "set"))

    assert rows_of(tmp_path / "set") == [
        ("file_name", "real_age", "gender", "person_id"),
        ("00000A02.jpg", "2", "female", "00000"),
        ("07380A35.jpg", "35", "female", "07380"),
        ("07381A35.jpg", "35", "male", "07381"),
        ("13321A80.jpg", "80", "male", "13321"),
    ]


def test_agedb_names_say_person_age_and_gender(tmp_path):
    add_pictures(
        tmp_path / "AgeDB", "0_MariaCallas_35_f.jpg", "1_MariaCallas_40_f.jpg", "9_J_R_Smith_7_m.jpg", "MariaCallas.jpg"
    )

    summary = import_agedb(str(tmp_path / "AgeDB"), str(tmp_path / "set"))

    assert rows_of(tmp_path / "set") == [
        ("file_name", "real_age", "gender", "person_id"),
        ("0_MariaCallas_35_f.jpg", "35", "female", "MariaCallas"),
        ("1_MariaCallas_40_f.jpg", "40", "female", "MariaCallas"),
        ("9_J_R_Smith_7_m.jpg", "7", "male", "J_R_Smith"),
    ]
    assert [item.name for item in summary.left_out] == ["MariaCallas.jpg"]


@pytest.fixture
def morph(tmp_path) -> pathlib.Path:
    release = add_pictures(tmp_path / "MORPH", "Album2/009055_0M54.JPG", "Album2/009055_1M55.JPG", "Album2/012345_0F21.JPG")
    (release / "morph_2008_nonCommercial.csv").write_text(
        MORPH_HEADER
        + "009055,0,1949-05-10,2003-11-02,B,M,NULL,54,0,NULL,Album2/009055_0M54.JPG\n"
        + "009055,1,1949-05-10,2004-12-02,B,M,NULL,55,395,NULL,Album2/009055_1M55.JPG\n"
        + "012345,0,1983-01-01,2004-12-02,H,F,NULL,21,0,NULL,Album2/012345_0F21.JPG\n"
    )
    return release


def test_morph_label_file_says_person_age_gender_and_ethnicity(morph, tmp_path):
    summary = import_morph(str(morph), str(tmp_path / "set"))

    assert rows_of(tmp_path / "set") == [
        ("file_name", "real_age", "gender", "ethnicity", "person_id"),
        ("009055_0M54.JPG", "54", "male", "black", "009055"),
        ("009055_1M55.JPG", "55", "male", "black", "009055"),
        ("012345_0F21.JPG", "21", "female", "hispanic", "012345"),
    ]
    assert (summary.rows, summary.left_out) == (3, ())


def test_morph_rows_without_their_photograph_and_those_that_climb_out_are_left_out(morph, tmp_path):
    add_pictures(tmp_path, "private.jpg")
    with open(morph / "morph_2008_nonCommercial.csv", "a") as file:
        file.write("1,0,,,W,M,,30,,,Album2/gone.JPG\n2,0,,,W,M,,30,,,../private.jpg\n")

    summary = import_morph(str(morph), str(tmp_path / "set"))

    assert [(item.name, item.reason) for item in summary.left_out] == [
        ("Album2/gone.JPG", "there is no such photograph"),
        ("../private.jpg", "the row names no file of the release"),
    ]


def test_morph_label_file_with_other_columns_is_refused(morph, tmp_path):
    (morph / "morph_2008_nonCommercial.csv").write_text("id,photo\n1,a.jpg\n")
    with pytest.raises(BadInput, match="line 1: no column 'id_num', 'race', 'gender', 'age'; .*as MORPH's archive has it"):
        import_morph(str(morph), str(tmp_path / "set"))


def day_number(year: int, month: int, day: int) -> float:
    """MATLAB's, in which the 1st of January 2000 is 730486."""
    return float(datetime.date(year, month, day).toordinal() - datetime.date(2000, 1, 1).toordinal() + 730486)


def write_matlab_file(path: pathlib.Path, part: str, rows: list[dict]) -> None:
    """A struct of rows and cells as the published files have it."""

    def cells(name):
        content = np.empty((1, len(rows)), object)
        content[0] = [row[name] for row in rows]
        return content

    def numbers(name):
        return np.array([[row[name] for row in rows]], float)

    fields = {name: numbers(name) for name in ("dob", "photo_taken", "gender", "face_score", "second_face_score")}
    fields |= {name: cells(name) for name in ("full_path", "name")}
    if "celeb_id" in rows[0]:
        fields["celeb_id"] = numbers("celeb_id").astype(np.uint16)
    scipy.io.savemat(path, {part: fields})


def entry(path: str, **changes) -> dict:
    usual = {
        "full_path": path,
        "dob": day_number(1981, 5, 8),
        "photo_taken": 2009,
        "gender": 1,
        "name": "Sami Jauhojärvi",
        "face_score": 4.3,
        "second_face_score": np.nan,
    }
    return {**usual, **changes}


def test_wiki_part_says_name_gender_and_dates(tmp_path):
    source = add_pictures(tmp_path / "wiki_crop", "17/a.jpg", "17/b.jpg", "48/c.jpg", "48/d.jpg", "48/e.jpg")
    rows = [
        entry("17/a.jpg"),
        entry("17/b.jpg", dob=day_number(1981, 8, 1), gender=0, name="Dettmar Cramer"),
        entry("48/c.jpg", gender=np.nan),
        entry("48/d.jpg", face_score=-np.inf),
        entry("48/e.jpg", second_face_score=3.5),
        entry("48/f.jpg"),
        entry("../outside.jpg"),
        entry("48/c.jpg", dob=0.0),
    ]
    write_matlab_file(source / "wiki.mat", "wiki", rows)

    summary = import_imdb_wiki(str(source), str(tmp_path / "set"))

    assert rows_of(tmp_path / "set") == [
        ("file_name", "real_age", "gender", "person_id"),
        ("a.jpg", "28", "male", "Sami Jauhojärvi"),
        ("b.jpg", "27", "female", "Dettmar Cramer"),
        ("c.jpg", "28", "", "Sami Jauhojärvi"),
    ]
    assert [(item.name, item.reason) for item in summary.left_out] == [
        ("48/d.jpg", "no face was found"),
        ("48/e.jpg", "several faces were found"),
        ("48/f.jpg", "there is no such photograph"),
        ("../outside.jpg", "it names no file of the folder"),
        ("48/c.jpg", "its date of birth is none"),
    ]


def test_imdb_part_tells_people_of_one_name_apart_by_their_number(tmp_path):
    source = add_pictures(tmp_path / "imdb_crop", "01/a.jpg", "01/b.jpg")
    rows = [entry("01/a.jpg", celeb_id=6488, name="Fred"), entry("01/b.jpg", celeb_id=7000, name="Fred")]
    write_matlab_file(source / "imdb.mat", "imdb", rows)

    import_imdb_wiki(str(source), str(tmp_path / "set"))

    assert [row[-1] for row in rows_of(tmp_path / "set")[1:]] == ["6488", "7000"]


@pytest.mark.parametrize("content", [b"", b"not a MATLAB file" * 20])
def test_what_is_no_matlab_file_is_refused(tmp_path, content):
    (tmp_path / "wiki.mat").write_bytes(content)
    with pytest.raises(BadInput, match="wiki.mat: not a MATLAB file with 'wiki' and its fields"):
        import_imdb_wiki(str(tmp_path), str(tmp_path / "set"))


@pytest.mark.parametrize(
    "birth, age", [((1981, 5, 8), 28), ((1981, 6, 30), 28), ((1981, 7, 1), 27), ((2009, 1, 1), 0)], ids=str
)
def test_age_is_that_in_the_middle_of_the_year(birth, age):
    assert age_of(day_number(*birth), 2009) == age


@pytest.mark.parametrize(
    "importer, expected",
    [
        (import_fgnet, "such as 001A43a.JPG"),
        (import_all_age_faces, "such as 00012A05.jpg"),
        (import_agedb, "such as 0_MariaCallas_35_f.jpg"),
        (import_morph, "no MORPH release"),
        (import_imdb_wiki, "no part of IMDB-WIKI"),
    ],
)
def test_a_folder_of_another_kind_is_refused(importer, expected, tmp_path):
    add_pictures(tmp_path / "holiday", "beach.jpg")
    with pytest.raises(BadInput, match=expected):
        importer(str(tmp_path / "holiday"), str(tmp_path / "set"))
    assert not (tmp_path / "set" / "labels.csv").exists()


def test_column_of_persons_is_one_that_a_run_can_group_by(tmp_path):
    add_pictures(tmp_path / "FGNET", "001A02.JPG")
    import_fgnet(str(tmp_path / "FGNET"), str(tmp_path / "set"))

    path = str(tmp_path / "set" / "labels.csv")
    header = label_file.read_header(path, "person_id")
    (row,) = label_file.read_block(path, header, *label_file.blocks(path), [])

    assert row.group == "001" and row.attributes == ()

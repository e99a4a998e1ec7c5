"""Thumbnails cut from examples."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from age.reporting import thumbnails
from tests.age.reporting.conftest import make_rows, picture, write_examples


def opened(source):
    prefix = "data:image/jpeg;base64,"
    assert source.startswith(prefix)
    return Image.open(io.BytesIO(base64.b64decode(source[len(prefix) :])))


def test_wanted_photographs_are_cut_from_the_test_split(generated):
    wanted = generated.splits["test"][7:30:5]

    cut = thumbnails.cut(generated.verdict["paths"]["examples"], {row.sha256 for row in wanted} | {"not there"})

    assert set(cut.by_sha256) == {row.sha256 for row in wanted}
    for row in wanted:
        thumbnail = opened(cut.by_sha256[row.sha256])
        original = np.asarray(Image.open(io.BytesIO(row.encoded)))
        assert thumbnail.size == (96, 96)
        assert np.abs(np.asarray(thumbnail, int) - original[0, 0]).max() <= 6


def test_faces_of_every_decade_are_shown_and_the_same_in_every_order_of_the_files(generated, tmp_path):
    backwards = {split: rows[::-1] for split, rows in generated.splits.items()}

    faces = thumbnails.cut(generated.verdict["paths"]["examples"], ()).across_ages
    again = thumbnails.cut(write_examples(tmp_path / "backwards", backwards), ()).across_ages

    ages = [face.age for face in faces]
    decades = np.array(ages) // 10
    assert ages == sorted(ages)
    everyone = [row.age for rows in generated.splits.values() for row in rows]
    for decade in range(10):
        there = sum(age // 10 == decade for age in everyone)
        assert (decades == decade).sum() == min(there, thumbnails.PER_DECADE)
    assert {face.file_name for face in again} == {face.file_name for face in faces}


def test_a_picture_that_is_not_square_keeps_its_proportions(tmp_path):
    (row,) = make_rows(1, 5)
    wide = io.BytesIO()
    Image.new("RGB", (80, 40), (250, 250, 250)).save(wide, "PNG")
    row.encoded = wide.getvalue()

    (face,) = thumbnails.cut(write_examples(tmp_path / "examples", {"train": [row]}), ()).across_ages

    pixels = np.asarray(opened(face.source).convert("L"))
    assert pixels.shape == (96, 96)
    assert pixels[48, 48] > 240 and pixels[5, 48] < 15


def test_examples_that_are_cut_off_are_an_os_error_with_a_sentence(generated, tmp_path):
    directory = tmp_path / "examples" / "Split-train"
    directory.mkdir(parents=True)
    (directory / "data").write_bytes(picture(3))

    with pytest.raises(OSError, match="the examples can't be read"):
        thumbnails.cut(str(tmp_path / "examples"), ())


def test_examples_that_are_elsewhere_are_no_empty_data_set():
    with pytest.raises(OSError, match="minio://bucket/examples is not where this program can read it"):
        thumbnails.cut("minio://bucket/examples", ())

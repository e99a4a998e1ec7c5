"""A framing says where a face lies in a crop, and a photograph that differs from it is told from one that does not."""

import dataclasses
import json
import math

import numpy as np
import pytest

from age.faces import framing as framings
from age.faces.framing import UTKFACE, Face, Framing


def face(scale=1.0, right=0.0, down=0.0, tilt=0.0, side=200) -> Face:
    """Returns a face in a square picture as UTKFace's crops have it, but larger, elsewhere and turned around its middle."""
    points = np.array(UTKFACE.points)
    middle = points.mean(axis=0)
    angle = math.radians(tilt)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    moved = ((points - middle) @ turn.T * scale + middle + (right, down)) * side
    left, top = moved.min(axis=0)
    width, height = np.ptp(moved, axis=0)
    return Face((left, top, width, height), tuple(map(tuple, moved.tolist())), 0.9)


def test_a_similarity_takes_points_back_to_where_they_came_from():
    turned = face(scale=0.4, right=0.3, down=-0.1, tilt=33)

    matrix = framings.similarity(turned.points, UTKFACE.points)

    back = np.array(turned.points) @ matrix[:, :2].T + matrix[:, 2]
    assert back == pytest.approx(np.array(UTKFACE.points), abs=1e-9)
    assert matrix[0, 0] == matrix[1, 1] and matrix[0, 1] == -matrix[1, 0]


def test_points_that_are_all_in_one_place_are_no_face():
    with pytest.raises(ValueError, match="all in one place"):
        framings.similarity(((3.0, 3.0),) * 5, UTKFACE.points)


def test_a_difference_has_its_size_place_and_tilt_in_the_units_that_a_person_reads():
    found = framings.difference(face(scale=0.5, right=0.2, down=-0.1, tilt=-20), 200, 200, UTKFACE)

    assert dataclasses.astuple(found) == pytest.approx((0.5, 0.2, -0.1, 20))


def test_a_photograph_that_is_no_square_is_compared_as_the_model_sees_it_with_bars():
    in_square = face(scale=0.5)
    upright = dataclasses.replace(in_square, points=tuple((x - 40, y) for x, y in in_square.points))

    assert framings.difference(upright, 120, 200, UTKFACE) == framings.difference(in_square, 200, 200, UTKFACE)


def test_a_crop_as_the_model_learnt_from_gets_no_warning():
    assert framings.warning_about([face(scale=1.1, right=0.04, tilt=10)], 200, 200, UTKFACE) == ""


@pytest.mark.parametrize(
    "faces, warning",
    [
        ([], "no face was found"),
        ([face(), face(right=0.1)], "2 faces were found; the model learnt from one at a time"),
        ([face(scale=0.5)], "the face is framed differently from what the model learnt from: 0.50 times as large"),
        ([face(scale=1.5)], "the face is framed differently from what the model learnt from: 1.50 times as large"),
        ([face(down=0.2)], "the face is framed differently from what the model learnt from: elsewhere in the picture"),
        ([face(tilt=30)], "the face is framed differently from what the model learnt from: turned by 30°"),
        ([face(scale=0.2)], "the face is small: its crop has 40 pixels to a side, and the model learnt from 200"),
    ],
)
def test_what_differs_from_the_pictures_that_the_model_learnt_from_is_said(faces, warning):
    assert framings.warning_about(faces, 200, 200, UTKFACE) == warning


def test_a_framing_outlives_being_written_as_json():
    assert Framing.of_values(json.loads(json.dumps(UTKFACE.as_values()))) == UTKFACE


@pytest.mark.parametrize("values", [None, {}, {"points": [[0, 0]]}, {**UTKFACE.as_values(), "points": [[0, "x"]] * 5}])
def test_what_is_no_framing_is_refused(values):
    with pytest.raises(ValueError):
        Framing.of_values(values)

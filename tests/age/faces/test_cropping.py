"""A face is cut out so that its points lie where the framing has them, from the photograph in full size."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("cv2", reason="OpenCV is not installed")

from age.faces import cropping
from age.faces.framing import UTKFACE
from tests.age.faces.test_framing import face

DARK, BRIGHT = 40, 240


def moved(found, left, top):
    return dataclasses.replace(found, points=tuple((x + left, y + top) for x, y in found.points))


def photograph(found, width, height, dot) -> np.ndarray:
    """Returns a dark picture with a bright square of `2 * dot` pixels at each point of a face."""
    pixels = np.full((height, width, 3), DARK, np.uint8)
    for x, y in found.points:
        pixels[round(y) - dot : round(y) + dot, round(x) - dot : round(x) + dot] = BRIGHT
    return pixels


def bright_places(crop) -> list[tuple[float, float]]:
    """Returns the middle of what is bright near each point of the framing, as shares of the side."""
    side, places = crop.shape[0], []
    for x, y in UTKFACE.points:
        near = np.zeros(crop.shape[:2])
        reach = side // 12
        row, column = round(y * side), round(x * side)
        part = slice(row - reach, row + reach), slice(column - reach, column + reach)
        near[part] = np.maximum(crop[part].mean(axis=2) - DARK, 0)
        rows, columns = np.indices(near.shape)
        places.append(((near * (columns + 0.5)).sum() / near.sum() / side, (near * (rows + 0.5)).sum() / near.sum() / side))
    return places


@pytest.mark.parametrize("scale, tilt", [(0.9, 0), (0.9, 25), (4, -40), (10, 7)])
def test_the_points_of_a_face_lie_where_the_framing_has_them(scale, tilt):
    found = moved(face(scale=scale, tilt=tilt), 900, 1100)
    pixels = photograph(found, 2400, 2600, dot=max(2, round(2 * scale)))

    crop = cropping.crop(pixels, found, UTKFACE)

    # Points are rounded to whole pixels where the dots are drawn.
    assert np.array(bright_places(crop)) == pytest.approx(np.array(UTKFACE.points), abs=0.75 / (200 * scale) + 0.002)


def test_a_large_face_is_reduced_to_the_framings_side_and_a_small_one_is_left_as_it_is():
    pixels = np.zeros((3000, 3000, 3), np.uint8)

    assert cropping.crop(pixels, face(scale=10), UTKFACE).shape == (200, 200, 3)
    assert cropping.crop(pixels, face(scale=0.31), UTKFACE).shape == (62, 62, 3)


def test_fine_detail_of_a_large_face_is_averaged_and_not_picked():
    pixels = np.zeros((3000, 3000, 3), np.uint8)
    pixels[:, ::2] = 255

    crop = cropping.crop(pixels, moved(face(scale=10), 1000, 1000), UTKFACE)

    assert crop.min() > 100 and crop.max() < 155


def test_where_the_photograph_ends_the_crop_is_black():
    pixels = np.full((200, 200, 3), 200, np.uint8)

    crop = cropping.crop(pixels, face(right=-0.25), UTKFACE)

    assert crop[:, :49].max() == 0 and crop[2:-2, 52:].min() == 200


def test_a_face_outside_of_the_photograph_gives_black():
    assert cropping.crop(np.full((50, 50, 3), 200, np.uint8), moved(face(), 5000, 5000), UTKFACE).max() == 0

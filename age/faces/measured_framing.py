"""Measures how faces lie in the pictures that a model learns from, however those were cropped."""

from collections.abc import Iterable

import numpy as np

from age import image_header
from age.faces import framing as framings
from age.faces.detection import FaceDetector
from age.faces.face_reader import decoded
from age.faces.framing import Framing

# Shares of all pictures: so many keep to the tolerances, and in so many a single face must be found.
_KEPT_TO = 0.99
_LEAST_FOUND = 0.5
_LEAST_PICTURES = 30

# What detection itself is uncertain by, and more: nobody shall be warned of it.
_LEAST_SCALE, _LEAST_SHIFT, _LEAST_TILT = 1.1, 0.03, 15.0
_DECIMALS = 3


def measure(pictures: Iterable[bytes], detector: FaceDetector) -> Framing | None:
    """Returns where faces lie in pictures: the median of each point, and how far 99 of 100 are from that.

    Args:
        pictures: the bytes of JPEG or PNG files; those that can't be decoded, and those without exactly one face, are passed over.
        detector: finds faces.

    Returns:
        The framing; None where in fewer than half of the pictures, or in fewer than 30, one face was found.
    """
    seen, found, sides = 0, [], []
    for encoded in pictures:
        seen += 1
        try:
            with decoded(encoded) as pixels:
                faces = detector.find(pixels)
                height, width = pixels.shape[:2]
        except image_header.UnusableImage:
            continue
        if len(faces) == 1:
            side = max(width, height)
            found.append((faces[0], width, height))
            sides.append(side)
    if len(found) < max(_LEAST_PICTURES, _LEAST_FOUND * seen):
        return None
    points = np.median([_in_square(face.points, width, height) for face, width, height in found], axis=0)
    middle = Framing(
        tuple((round(float(x), _DECIMALS), round(float(y), _DECIMALS)) for x, y in points),
        max(1, round(float(np.median(sides)))),
        _LEAST_SCALE,
        _LEAST_SHIFT,
        _LEAST_TILT,
    )
    differences = [framings.difference(*one, middle) for one in found]

    def tolerance(values: list[float], least: float) -> float:
        return round(max(least, float(np.quantile(values, _KEPT_TO))), _DECIMALS)

    return Framing(
        middle.points,
        middle.side,
        tolerance([max(one.scale, 1 / one.scale) for one in differences], _LEAST_SCALE),
        tolerance([max(abs(one.right), abs(one.down)) for one in differences], _LEAST_SHIFT),
        tolerance([one.tilt for one in differences], _LEAST_TILT),
    )


def _in_square(points: framings.Points, width: int, height: int) -> list[tuple[float, float]]:
    """Returns points as shares of the square that the picture is fitted into."""
    side = max(width, height)
    return [((x + (side - width) / 2) / side, (y + (side - height) / 2) / side) for x, y in points]

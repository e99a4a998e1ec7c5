"""How a face lies in a picture, and how far that is from the pictures that a model learnt from: geometry alone.

A framing says where five points of a face lie in a square crop. The transform that takes a face into it is the similarity
(scale, rotation, shift) with the least squared distance of the five points, after S. Umeyama, "Least-squares estimation of
transformation parameters between two point patterns", PAMI 13(4), 1991. Eyes alone would say the size wrongly of a face that is turned:
on UTKFace's crops the size by five points varies by 4.6 % (standard deviation), by the distance between the eyes by 7.0 %.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Points = tuple[tuple[float, float], ...]
"""Right eye, left eye, tip of the nose, right and left corner of the mouth, x and y each; right and left are the person's own."""

Matrix = npt.NDArray[np.float64]

FRAMING = "framing"
"""The key under which examples and models say how faces lie in the pictures that were learnt from."""

_POINTS = 5
_SMALL = 4
_LEAST_SPREAD = 1e-6


@dataclasses.dataclass(frozen=True)
class Face:
    """A face that was found in a picture.

    Attributes:
        box: left, top, width, height in pixels of the upright picture; may reach out of it.
        points: in the same pixels.
        score: how sure the detector is, 0 to 1.
    """

    box: tuple[float, float, float, float]
    points: Points
    score: float

    @property
    def area(self) -> float:
        """Pixels of the box."""
        return self.box[2] * self.box[3]


@dataclasses.dataclass(frozen=True)
class Framing:
    """Where faces lie in the square pictures that a model learns from, and how much that varies.

    Attributes:
        points: the five points, in shares of the side from the left and from the top. The eyes' places, the margin around the face
            and its size follow from them.
        side: pixels of the pictures' side; larger faces are reduced to it, smaller ones stay as they are.
        scale: by which factor faces may be larger or smaller and still be what the model learnt from, such as 1.15.
        shift: by how much they may lie elsewhere, in shares of the side, in each direction.
        tilt: by how many degrees they may be turned.
    """

    points: Points
    side: int
    scale: float
    shift: float
    tilt: float

    def __post_init__(self) -> None:
        if len(self.points) != _POINTS or any(len(point) != 2 for point in self.points):
            raise ValueError(f"a framing has {_POINTS} points; found {self.points!r}")
        if not (all(math.isfinite(value) for point in self.points for value in point) and self.side >= 1 and self.scale >= 1):
            raise ValueError(f"not a framing: {self!r}")

    def as_values(self) -> dict[str, Any]:
        """Returns it as JSON holds it."""
        return dataclasses.asdict(self)

    @classmethod
    def of_values(cls, values: Any) -> "Framing":
        """Returns what `as_values` gave.

        Raises:
            ValueError: it is something else.
        """
        try:
            points = tuple((float(x), float(y)) for x, y in values["points"])
            return cls(points, int(values["side"]), float(values["scale"]), float(values["shift"]), float(values["tilt"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a framing: {values!r}") from error


UTKFACE = Framing(
    points=((0.292, 0.289), (0.683, 0.294), (0.473, 0.501), (0.314, 0.680), (0.643, 0.686)),
    side=200,
    scale=1.15,
    shift=0.05,
    tilt=15.0,
)
"""The aligned crops of UTKFace as YuNet sees them, measured on 7,591: the eyes 29 % from the top and 39 % of the side apart, the face's
box 84 % of the side wide. The median of each point, and what 99 of 100 keep to (`measured_framing`)."""

ALIGNED = dataclasses.replace(UTKFACE, side=256)
"""What ingestion cuts out (`data.align`): the same, with pixels enough for networks that see 224 of them."""


@dataclasses.dataclass(frozen=True)
class Difference:
    """How a face lies in a picture, compared with a framing.

    Attributes:
        scale: its size as a multiple of the framing's.
        right: by which share of the side it lies further to the right.
        down: likewise, below.
        tilt: by how many degrees it is turned, either way.
    """

    scale: float
    right: float
    down: float
    tilt: float


def similarity(points: Points, onto: Points) -> Matrix:
    """Returns the similarity that takes points onto others with the least squared distance, float64 `[2, 3]`.

    Args:
        points: of a face.
        onto: where they shall lie.

    Raises:
        ValueError: the points are all in one place.
    """
    source, target = np.asarray(points, np.float64), np.asarray(onto, np.float64)
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    source, target = source - middle, target - goal
    spread = float((source**2).sum())
    if spread < _LEAST_SPREAD:
        raise ValueError("the points of the face are all in one place")
    along = float((source * target).sum()) / spread
    across = float((source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum()) / spread
    turn = np.array([[along, -across], [across, along]])
    return np.hstack([turn, (goal - turn @ middle)[:, np.newaxis]])


def side_in_picture(face: Face, framing: Framing) -> float:
    """Returns how many pixels of the picture the side of the face's crop covers."""
    to_unit = similarity(face.points, framing.points)
    return 1 / math.hypot(to_unit[0, 0], to_unit[1, 0])


def difference(face: Face, width: int, height: int, framing: Framing) -> Difference:
    """Returns how a face lies in a picture that a model is shown whole: fitted into a square, with bars where it is none.

    Args:
        face: in the picture.
        width: of the picture, pixels.
        height: likewise.
        framing: what it is compared with.
    """
    side = max(width, height)
    left, top = (side - width) / 2, (side - height) / 2
    seen = tuple(((x + left) / side, (y + top) / side) for x, y in face.points)
    to_seen = similarity(framing.points, seen)
    shift = np.mean(seen, axis=0) - np.mean(framing.points, axis=0)
    return Difference(
        scale=math.hypot(to_seen[0, 0], to_seen[1, 0]),
        right=float(shift[0]),
        down=float(shift[1]),
        tilt=abs(math.degrees(math.atan2(to_seen[1, 0], to_seen[0, 0]))),
    )


def warning_about(faces: Sequence[Face], width: int, height: int, framing: Framing) -> str:
    """Says how a photograph that a model is shown whole differs from what it learnt from; empty where it does not.

    Args:
        faces: all that were found in it.
        width: of the photograph, pixels.
        height: likewise.
        framing: of the pictures that the model learnt from.
    """
    if not faces:
        return "no face was found"
    if len(faces) > 1:
        return f"{len(faces)} faces were found; the model learnt from one at a time"
    (face,) = faces
    small = warning_about_size(face, framing)
    if small:
        return small
    found = difference(face, width, height, framing)
    differs = []
    if not 1 / framing.scale <= found.scale <= framing.scale:
        differs.append(f"{found.scale:.2f} times as large")
    if max(abs(found.right), abs(found.down)) > framing.shift:
        differs.append("elsewhere in the picture")
    if found.tilt > framing.tilt:
        differs.append(f"turned by {found.tilt:.0f}°")
    return f"the face is framed differently from what the model learnt from: {', '.join(differs)}" if differs else ""


def warning_about_size(face: Face, framing: Framing) -> str:
    """Says that a face has few pixels, compared with those that a model learnt from; empty where it has enough."""
    side = side_in_picture(face, framing)
    if side * _SMALL >= framing.side:
        return ""
    return f"the face is small: its crop has {side:.0f} pixels to a side, and the model learnt from {framing.side}"

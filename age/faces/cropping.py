"""Cuts a face out of a photograph as a framing has it."""

import math

import numpy as np
import numpy.typing as npt

from age.faces import framing as framings
from age.faces import opencv
from age.faces.framing import Face, Framing

_JPEG_QUALITY = 95
_MARGIN = 2


def crop(pixels: npt.NDArray[np.uint8], face: Face, framing: Framing) -> npt.NDArray[np.uint8]:
    """Returns the square around a face in which its points lie where the framing has them, black where the photograph ends.

    Turned, moved and reduced, but never enlarged: the side has as many pixels as it covers in the photograph, and at most
    `framing.side`.

    Args:
        pixels: the photograph in full size, upright RGB `[height, width, 3]`.
        face: found in it.
        framing: of what the model learnt from.
    """
    cv2 = opencv.load()
    to_unit = framings.similarity(face.points, framing.points)
    covered = framings.side_in_picture(face, framing)
    side = max(1, min(round(covered), framing.side))
    part, left, top = _around(pixels, to_unit)
    reduction = min(1.0, side / covered)
    reduced = part
    if reduction < 1:
        size = max(1, round(part.shape[1] * reduction)), max(1, round(part.shape[0] * reduction))
        reduced = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    # Points of the reduced part, to points of the photograph, to points of the crop.
    back = np.diag([part.shape[1] / reduced.shape[1], part.shape[0] / reduced.shape[0], 1.0])
    back[:2, 2] = left, top
    forth = side * to_unit @ back
    # The middle of the first pixel is 0 for OpenCV and half a pixel here.
    forth[:, 2] += forth[:, :2] @ (0.5, 0.5) - 0.5
    return np.asarray(cv2.warpAffine(reduced, forth, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


def encoded(pixels: npt.NDArray[np.uint8]) -> bytes:
    """Returns a crop as the bytes of a JPEG file, as training, evaluation and use have it alike."""
    cv2 = opencv.load()
    _, content = cv2.imencode(".jpg", np.ascontiguousarray(pixels[..., ::-1]), (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
    return bytes(content)


def _around(pixels: npt.NDArray[np.uint8], to_unit: framings.Matrix) -> tuple[npt.NDArray[np.uint8], int, int]:
    """Returns the part of a photograph in which the unit square lies, and where it begins; a pixel where it lies outside."""
    height, width = pixels.shape[:2]
    from_unit = np.linalg.inv(np.vstack([to_unit, (0, 0, 1)]))
    corners = from_unit @ np.array([(0, 1, 1, 0), (0, 0, 1, 1), (1, 1, 1, 1)], np.float64)
    begins, ends = [], []
    for axis, length in ((0, width), (1, height)):
        first = min(max(math.floor(corners[axis].min()) - _MARGIN, 0), length - 1)
        begins.append(first)
        ends.append(max(min(math.ceil(corners[axis].max()) + _MARGIN, length), first + 1))
    return pixels[begins[1] : ends[1], begins[0] : ends[0]], begins[0], begins[1]

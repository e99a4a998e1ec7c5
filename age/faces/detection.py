"""Finds faces with OpenCV's YuNet: https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet.

OpenCV is loaded with the first detector and not before.
"""

import hashlib
import math
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from age import storage
from age.faces import opencv
from age.faces.framing import Face
from schemas.bad_input import BadInput

_LEAST_SCORE = 0.6
_OVERLAP = 0.5
_MOST_FACES = 100
_LARGEST_FILE = 64 << 20

# Side of the reduced picture, pixels. YuNet knows faces of about 10 to 300 pixels: the first finds a face that fills the picture,
# the second those down to a fiftieth of it, the third, in which only a picture without any is looked at, half as large ones.
_COARSE, _FINE, _FINEST = 320, 640, 1280
_LARGEST_FACE = 240
_LEAST_SIDE = 4


class FaceDetector:
    """YuNet, read from its model file. Any number of threads may ask at once.

        detector = FaceDetector.load("face_detection_yunet.onnx")
        for face in detector.find(pixels):
            print(face.box, face.score)

    Args:
        content: the bytes of the model file.
        source: its name, for messages.

    Attributes:
        digest: SHA-256 of the model file, hexadecimal.
    """

    def __init__(self, content: bytes, source: str):
        self._content, self._source = content, source
        self.digest = hashlib.sha256(content).hexdigest()
        self._own = threading.local()

    @classmethod
    def load(cls, path: str) -> "FaceDetector":
        """Reads a model file and makes sure that it works.

        Raises:
            BadInput: there is no such file, it is no such model, or OpenCV is not installed.
        """
        try:
            content = storage.read_plain_file(path, _LARGEST_FILE)
        except OSError as error:
            raise BadInput(
                f"{path}: the face detector can't be read: {error.strerror or error}. Expected the file of OpenCV's YuNet, "
                "face_detection_yunet_*.onnx (data.face_detector)."
            ) from error
        detector = cls(content, path)
        detector.find(np.zeros((_COARSE, _COARSE, 3), np.uint8))
        return detector

    def __getstate__(self) -> tuple[bytes, str]:
        return self._content, self._source

    def __setstate__(self, state: tuple[bytes, str]) -> None:
        self.__init__(*state)  # type: ignore[misc]  # what is sent to another process is what it was made from

    def find(self, pixels: npt.NDArray[np.uint8]) -> list[Face]:
        """Returns the faces in a picture, the largest first, in pixels of the picture.

        Large pictures are looked at reduced.

        Args:
            pixels: upright RGB `[height, width, 3]`.

        Raises:
            BadInput: the model file is no face detector, or OpenCV is not installed.
        """
        longer = max(pixels.shape[:2])
        faces = self._found(pixels, min(_COARSE, longer), math.inf)
        if longer > _COARSE:
            faces += self._found(pixels, min(_FINE, longer), _LARGEST_FACE)
        if not faces and longer > _FINE:
            faces = self._found(pixels, min(_FINEST, longer), _LARGEST_FACE)
        return sorted(_without_repeats(faces), key=lambda face: face.area, reverse=True)

    def find_again(self, pixels: npt.NDArray[np.uint8]) -> Face | None:
        """Returns the face in the middle of a picture that was turned and cut out for this; None where there is none any more.

        Args:
            pixels: RGB `[side, side, 3]`, of at most 320 pixels.
        """
        middle = pixels.shape[0] / 2

        def distance(face: Face) -> float:
            return math.dist(np.mean(face.points, axis=0), (middle, middle))

        near = [face for face in self._found(pixels, pixels.shape[0], math.inf) if distance(face) < middle / 4]
        return min(near, key=distance, default=None)

    def _found(self, pixels: npt.NDArray[np.uint8], side: int, largest: float) -> list[Face]:
        """Returns what is found in the picture reduced to a side, of faces up to a size in its pixels."""
        cv2 = opencv.load()
        height, width = pixels.shape[:2]
        reduced = max(1, round(width * side / max(width, height))), max(1, round(height * side / max(width, height)))
        seen = pixels if reduced == (width, height) else cv2.resize(pixels, reduced, interpolation=cv2.INTER_AREA)
        net = self._net()
        net.setInputSize(reduced)
        try:
            _, rows = net.detect(np.ascontiguousarray(seen[..., ::-1]))
        except cv2.error as error:
            raise self._no_detector(error) from error
        across, down = width / reduced[0], height / reduced[1]
        faces = []
        for row in [] if rows is None else rows.astype(float).tolist():
            points = tuple((row[place] * across, row[place + 1] * down) for place in range(4, 14, 2))
            if all(map(math.isfinite, row)) and _LEAST_SIDE <= max(row[2], row[3]) <= largest and len(set(points)) > 1:
                box = row[0] * across, row[1] * down, row[2] * across, row[3] * down
                faces.append(Face(box, points, row[14]))
        return faces

    def _net(self) -> Any:
        """Returns this thread's own network: what is set on it must not change while it looks."""
        if not hasattr(self._own, "net"):
            cv2 = opencv.load()
            try:
                self._own.net = cv2.FaceDetectorYN.create(
                    "onnx",
                    np.frombuffer(self._content, np.uint8),
                    np.zeros(0, np.uint8),
                    (_COARSE, _COARSE),
                    _LEAST_SCORE,
                    _OVERLAP,
                    _MOST_FACES,
                )
            except cv2.error as error:
                raise self._no_detector(error) from error
        return self._own.net

    def _no_detector(self, error: Exception) -> BadInput:
        return BadInput(
            f"{self._source}: not a face detector that OpenCV can use: {' '.join(str(error).split())[:200]}. Expected the file of "
            "OpenCV's YuNet, face_detection_yunet_*.onnx (data.face_detector)."
        )


def _without_repeats(faces: list[Face]) -> list[Face]:
    """Returns faces without those that lie for the most part in one with a higher score."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda one: one.score, reverse=True):
        if all(_common_area(face, other) <= _OVERLAP * min(face.area, other.area) for other in kept):
            kept.append(face)
    return kept


def _common_area(one: Face, other: Face) -> float:
    sides = (
        min(one.box[axis] + one.box[axis + 2], other.box[axis] + other.box[axis + 2]) - max(one.box[axis], other.box[axis])
        for axis in (0, 1)
    )
    width, height = (max(side, 0.0) for side in sides)
    return width * height

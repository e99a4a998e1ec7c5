"""Reads faces from the bytes of photographs: each as a model learnt to see it, or how the whole differs from that."""

import contextlib
import dataclasses
import functools
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from age.faces import cropping
from age.faces import framing as framings
from age.faces.detection import FaceDetector
from age.faces.framing import Face, Framing

if TYPE_CHECKING:
    import tensorflow as tf

NO_FACE, SEVERAL_FACES, SMALL_FACE = "no_face", "several_faces", "face_too_small"
"""Why a photograph has no main face; reasons of rejects."""

# Decoded they take 50 MB and more each; one at a time.
_LARGE = 16 << 20
_one_large_picture = threading.Lock()

# As large as the main face, nearly: the sides of the boxes differ by less than three tenths.
_RIVAL = 0.5

_AROUND = dataclasses.replace(
    framings.UTKFACE,
    points=tuple((0.5 + (x - 0.5) / 1.15, 0.5 + (y - 0.5) / 1.15) for x, y in framings.UTKFACE.points),
    side=256,
)
"""A face, and as much around it that the detector sees it whole."""


@dataclasses.dataclass(frozen=True)
class FaceCrop:
    """A face that was cut out.

    Attributes:
        face: where it lies in the upright photograph.
        encoded: the crop, a JPEG file.
        warning: what is wrong with it; empty for nothing.
    """

    face: Face
    encoded: bytes
    warning: str


class FaceReader:
    """Finds the faces of photographs and cuts them out as a model learnt to see them. Any number of threads may ask at once.

    Args:
        detector: finds them.
        framing: of the pictures that the model learns from.
    """

    def __init__(self, detector: FaceDetector, framing: Framing):
        self.detector, self.framing = detector, framing

    def faces(self, encoded: bytes) -> list[FaceCrop]:
        """Returns all faces of a photograph, the largest first.

        Args:
            encoded: the bytes of a JPEG or PNG file.

        Raises:
            UnusableImage: it can't be decoded.
        """
        with decoded(encoded) as pixels:
            return [self._cut(pixels, face) for face in self.detector.find(pixels)]

    def main_face(self, encoded: bytes) -> FaceCrop:
        """Returns the face that a photograph is of: the largest one by far, or the only one.

        Raises:
            UnusableImage: it can't be decoded, or has no such face; with reason `NO_FACE`, `SEVERAL_FACES` or `SMALL_FACE`.
        """
        from age.image_header import UnusableImage

        with decoded(encoded) as pixels:
            found = self.detector.find(pixels)
            if not found:
                raise UnusableImage(NO_FACE, "no face was found")
            rivals = sum(face.area > _RIVAL * found[0].area for face in found)
            if rivals > 1:
                raise UnusableImage(SEVERAL_FACES, f"{rivals} faces of about the same size; it can't be told whose age it is")
            cut = self._cut(pixels, found[0])
        if cut.warning:
            raise UnusableImage(SMALL_FACE, cut.warning)
        return cut

    def warning(self, encoded: bytes) -> str:
        """Says how a photograph that a model is shown whole differs from what it learnt from; empty where it does not.

        Raises:
            UnusableImage: it can't be decoded.
        """
        with decoded(encoded) as pixels:
            height, width = pixels.shape[:2]
            return framings.warning_about(self.detector.find(pixels), width, height, self.framing)

    def _cut(self, pixels: npt.NDArray[np.uint8], face: Face) -> FaceCrop:
        face = self._seen_upright(pixels, face)
        content = cropping.encoded(cropping.crop(pixels, face, self.framing))
        return FaceCrop(face, content, framings.warning_about_size(face, self.framing))

    def _seen_upright(self, pixels: npt.NDArray[np.uint8], face: Face) -> Face:
        """Returns a face with its points as they are seen when it is upright and of the size that the detector knows best.

        Of faces that are turned by 30 degrees YuNet sees 17, and with this second look 28 (the mean of 20).
        """
        face_and_around = cropping.crop(pixels, face, _AROUND)
        again = self.detector.find_again(face_and_around)
        if again is None:
            return face
        back = np.linalg.inv(np.vstack([framings.similarity(face.points, _AROUND.points) * len(face_and_around), (0, 0, 1)]))
        points = np.array(again.points) @ back[:2, :2].T + back[:2, 2]
        return dataclasses.replace(face, points=tuple((float(x), float(y)) for x, y in points))


@contextlib.contextmanager
def decoded(encoded: bytes) -> Iterator[npt.NDArray[np.uint8]]:
    """Gives the pixels of a photograph, upright RGB `[height, width, 3]`, as the model itself would decode them.

    Args:
        encoded: the bytes of a JPEG or PNG file.

    Raises:
        UnusableImage: it can't be decoded.
    """
    import tensorflow as tf

    from age import image_decoding, image_header

    header = image_header.read(encoded)
    if header.pixels > image_decoding.MAX_PIXELS:
        raise image_header.UnusableImage("too_large", f"{header.width}x{header.height} pixels")
    with _one_large_picture if header.pixels > _LARGE else contextlib.nullcontext():
        try:
            pixels = _decoder()(tf.constant(encoded)).numpy()
        except tf.errors.OpError as error:
            raise image_header.undecodable(encoded, header.format) from error
        yield pixels


@functools.cache
def _decoder() -> "Callable[[tf.Tensor], tf.Tensor]":
    import tensorflow as tf

    from age import image_decoding

    decoder: Callable[[tf.Tensor], tf.Tensor] = tf.function(
        image_decoding.decode_image, input_signature=[tf.TensorSpec([], tf.string)]
    )
    return decoder

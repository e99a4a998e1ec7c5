"""Asks a model about the faces in photographs, or says of whole photographs how far they are from what it learnt from."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import TypeVar

from age import storage
from age.faces.detection import FaceDetector
from age.faces.face_reader import FaceReader
from age.faces.framing import FRAMING, UTKFACE, Framing
from age.serving import predictor as predictors
from age.serving.model_digest import EXTRA_ASSETS, PROVENANCE_FILE
from age.serving.predictor import Photograph, Prediction, Predictor

NO_FACE_FOUND = "no face was found"
"""What is said of a photograph without one, where faces are asked for."""

# Of a large photograph each holds the pixels while it looks.
_LOOKING = 4
_LOOK_AHEAD = 32

_Item = TypeVar("_Item")


def framing_of(model: str) -> Framing | None:
    """Returns the framing of the pictures that a model learnt from, by its provenance; None where that does not say it.

    Args:
        model: directory of the SavedModel.
    """
    try:
        provenance = json.loads(storage.read_bytes(storage.join(model, EXTRA_ASSETS, PROVENANCE_FILE)))
        return Framing.of_values(provenance[FRAMING])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclasses.dataclass(frozen=True)
class Part:
    """What the model is asked about a photograph: a face of it, or the whole.

    Attributes:
        encoded: bytes of an image; none where there is nothing to ask about.
        prediction: without an age: the face and the warning that go with the answer, or why there is none.
    """

    encoded: bytes
    prediction: Prediction

    def read(self) -> bytes:
        """Returns the bytes.

        Raises:
            OSError: there is nothing to ask about.
        """
        if self.prediction.error:
            raise OSError(0, self.prediction.error)
        return self.encoded

    def answered(self, prediction: Prediction) -> Prediction:
        """Returns the model's answer with what is known beside it."""
        return dataclasses.replace(prediction, face=self.prediction.face, warning=self.prediction.warning)


class FacePredictor:
    """A model that answers for each face of a photograph, or for the whole with a warning where it is unlike what it learnt from.

        faces = FacePredictor(Predictor.load("runs/faces"), FaceDetector.load("face_detection_yunet.onnx"))
        for photograph, answers in zip(photographs, faces.predict(photographs)):
            for answer in answers:
                print(photograph, answer.face and answer.face.box, answer.age, answer.warning, answer.error)

    Any number of threads may ask at once.

    Args:
        predictor: the model.
        detector: finds faces.
        each_face: answer for each face, cut out as the model learnt to see faces; False to answer for the whole photograph.

    Attributes:
        predictor: the model.
        reader: finds faces and cuts them out.
        framing_is_known: whether the model says how its pictures were framed; as UTKFace's crops is assumed otherwise.
    """

    def __init__(self, predictor: Predictor, detector: FaceDetector, each_face: bool = True):
        framing = framing_of(predictor.path)
        self.predictor, self.each_face = predictor, each_face
        self.framing_is_known = framing is not None
        self.reader = FaceReader(detector, framing or UTKFACE)

    def predict(self, photographs: Iterable[Photograph]) -> list[list[Prediction]]:
        """Returns for each photograph, in their order, the answers for its faces, the largest first, or the one for the whole.

        A photograph that can't be read, or without a face where faces are asked for, has one answer, which says so.

        Args:
            photographs: paths, bytes of JPEG or PNG files, and arrays of pixels, mixed as you like.
        """
        return [answers for _, answers in self.stream(photographs, predictors.encoded_bytes)]

    def stream(
        self, items: Iterable[_Item], read: Callable[[_Item], bytes], largest: int | None = None
    ) -> Iterator[tuple[_Item, list[Prediction]]]:
        """Yields every item with its answers, in order, while memory does not grow with their number.

        Args:
            items: what is asked about, one photograph each.
            read: returns an item's bytes, or raises OSError or UnusableImage; called from several threads.
            largest: pixels of the largest photograph that is decoded; None for what the model decodes.
        """

        def look(numbered: tuple[int, _Item]) -> list[tuple[int, _Item, Part]]:
            number, item = numbered
            return [(number, item, part) for part in self._read_parts(item, read, largest)]

        def parts() -> Iterator[tuple[int, _Item, Part]]:
            with futures.ThreadPoolExecutor(_LOOKING) as looking:
                for found in predictors.ahead(looking, look, enumerate(items), _LOOK_AHEAD):
                    yield from found

        answered = self.predictor.stream(parts(), lambda one: one[2].read())
        for _, of_item in itertools.groupby(answered, key=lambda one: one[0][0]):
            answers = list(of_item)
            yield answers[0][0][1], [part.answered(prediction) for (_, _, part), prediction in answers]

    def parts(self, encoded: bytes) -> list[Part]:
        """Returns what the model is to be asked about a photograph: at least one part, which may say why there is nothing to ask.

        Args:
            encoded: the bytes of a JPEG or PNG file.
        """
        from age.image_header import UnusableImage

        try:
            if not self.each_face:
                return [Part(encoded, Prediction(warning=self.reader.warning(encoded)))]
            crops = self.reader.faces(encoded)
        except UnusableImage as error:
            return [Part(b"", Prediction(error=str(error)))]
        if not crops:
            return [Part(b"", Prediction(error=NO_FACE_FOUND))]
        return [Part(one.encoded, Prediction(face=one.face, warning=one.warning)) for one in crops]

    def _read_parts(self, item: _Item, read: Callable[[_Item], bytes], largest: int | None) -> list[Part]:
        one = predictors.loaded(item, read, largest)
        return [Part(b"", Prediction(error=one.error))] if one.error else self.parts(one.encoded)

"""Looks for the faces in the photographs of a request, where the server has a detector."""

import dataclasses
from collections.abc import Iterator, Sequence

from age.faces.detection import FaceDetector
from age.serving import Prediction, Predictor
from age.serving.face_predictor import FacePredictor, Part
from pipeline.server.batching import Photograph

_MOST_FACES = 32

Checked = Photograph | Prediction
"""A photograph that can be asked about, or why it can't."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """A photograph or a face of it on its way to the model: what it is asked about, and what is known beside the answer."""

    photograph: Photograph | None
    part: Part


@dataclasses.dataclass(frozen=True)
class Answered:
    """What is answered for one photograph.

    Attributes:
        prediction: for its largest face, or the whole.
        faces: for each face, the largest first; None where faces are not asked for.
    """

    prediction: Prediction
    faces: tuple[Prediction, ...] | None = None


class Faces:
    """Makes of photographs what the model is asked about, and of its answers those for the photographs.

    Args:
        detector: finds faces; None where photographs are asked about as they are.
        each_face: ask about the faces, and not about the whole.
    """

    def __init__(self, detector: FaceDetector | None, each_face: bool):
        self._detector, self._each_face = detector, each_face
        self._faces: FacePredictor | None = None

    @property
    def warns(self) -> bool:
        """Whether answers may have a warning."""
        return self._detector is not None

    def parts(self, predictor: Predictor, checked: Sequence[Checked]) -> list[list[Asked]]:
        """Returns for each photograph what the model is asked about it; takes some milliseconds for each where there is a detector.

        Args:
            predictor: the model.
            checked: the photographs.
        """
        return [self._asked(predictor, one) for one in checked]

    def _asked(self, predictor: Predictor, one: Checked) -> list[Asked]:
        if isinstance(one, Prediction):
            return [Asked(None, Part(b"", one))]
        if self._detector is None:
            return [Asked(one, Part(one.encoded, Prediction()))]
        looking = self._of(predictor, self._detector)
        side = looking.reader.framing.side
        return [
            Asked(
                None if part.prediction.error else Photograph(part.encoded, side**2 if self._each_face else one.pixels), part
            )
            for part in looking.parts(one.encoded)[:_MOST_FACES]
        ]

    def answered(self, asked: Sequence[Sequence[Asked]], predictions: Iterator[Prediction]) -> list[Answered]:
        """Returns the answer for each photograph.

        Args:
            asked: of each photograph.
            predictions: what the model said of those that it was asked about, in their order.
        """
        return [
            self._together(
                [one.part.answered(next(predictions)) if one.photograph else one.part.prediction for one in of_photograph]
            )
            for of_photograph in asked
        ]

    def _together(self, answers: list[Prediction]) -> Answered:
        first = answers[0]
        if len(answers) > 1:
            count = f"{_MOST_FACES} faces and more" if len(answers) == _MOST_FACES else f"{len(answers)} faces"
            several = f"{count} were found; the age is that of the largest"
            first = dataclasses.replace(first, warning="; ".join(filter(None, (several, first.warning))))
        return Answered(first, tuple(one for one in answers if one.face) if self._each_face else None)

    def _of(self, predictor: Predictor, detector: FaceDetector) -> FacePredictor:
        """Returns what looks for faces as a model learnt to see them; made anew when another version is served."""
        faces = self._faces
        if faces is None or faces.predictor is not predictor:
            faces = self._faces = FacePredictor(predictor, detector, self._each_face)
        return faces

"""Asks a model about all photographs, and keeps what it says."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator

from age import progress
from age.faces.detection import FaceDetector
from age.serving import Predictor
from age.serving import predictor as predictors
from age.serving.face_predictor import FacePredictor
from age.serving.model_digest import is_model
from age.serving.serving_directory import ServedModel
from pipeline.prediction import inputs, outputs
from pipeline.prediction.journal import NO_SEARCH, Answer, Journal, Model
from schemas.bad_input import BadInput
from schemas.failures import RunStopped

_DOING = "Asking the model"
_UNIT = "photographs"
_AT_ONCE = predictors.BATCH


@dataclasses.dataclass(frozen=True)
class FaceSearch:
    """What is looked for in photographs.

    Attributes:
        detector: finds faces.
        each_face: answer for each face; False to answer for whole photographs, and warn of those that are unlike what the model
            learnt from.
    """

    detector: FaceDetector
    each_face: bool

    @property
    def name(self) -> str:
        """What answers that were found in another way can't go on from."""
        return f"{'faces' if self.each_face else 'warnings'} {self.detector.digest}"


class Asker:
    """Asks a model about photographs, and about the faces in them where those are looked for.

    Attributes:
        columns: of the answers.
    """

    def __init__(self, predictor: Predictor, search: FaceSearch | None):
        self._predictor = predictor
        self._faces = FacePredictor(predictor, search.detector, search.each_face) if search else None
        self.columns = outputs.columns(predictor.outputs, search is not None, search is not None and search.each_face)
        if self._faces and not self._faces.framing_is_known:
            progress.conclude("The model does not say how its photographs were framed; as UTKFace's crops are, it is assumed")

    def answers(self, photographs: Iterator[inputs.Photograph]) -> Iterator[Answer]:
        """Yields the answer for each photograph, in order."""
        if self._faces:
            for photograph, predictions in self._faces.stream(photographs, inputs.Photograph.read):
                yield Answer(photograph.file_name, tuple(predictions))
        else:
            for photograph, prediction in self._predictor.stream(photographs, inputs.Photograph.read):
                yield Answer(photograph.file_name, (prediction,))


def _reported(found: Iterator[Answer], done: int, total: int | None) -> Iterator[Answer]:
    for answer in found:
        done += 1
        if done % _AT_ONCE == 0 or done == total:
            progress.report(_DOING, done, total, _UNIT)
        yield answer


def to_rows(place: str, arguments: list[str], write, search: FaceSearch | None = None) -> tuple[int, int]:
    """Asks about all photographs and hands each answer on at once.

    Args:
        place: a SavedModel, a serving directory, or a workdir.
        arguments: what is asked about (`inputs.photographs`).
        write: takes the columns, and returns what takes an answer.
        search: what is looked for in them; None for nothing.

    Returns:
        How many photographs there were, and for how many of them there is no age.

    Raises:
        BadInput: there is no model, or no photograph.
    """
    total = inputs.count(arguments)
    asker = Asker(Predictor.load(place), search)
    write_row = write(asker.columns)
    asked = unread = 0
    for answer in _reported(asker.answers(inputs.photographs(arguments)), 0, total):
        write_row(answer)
        asked, unread = asked + 1, unread + answer.is_unread
    return asked, unread


def to_file(
    place: str | None, default_place, arguments: list[str], out: str, resume: bool, search: FaceSearch | None = None
) -> tuple[int, int]:
    """Asks about all photographs and writes the answers into a file, which is there when all of them are.

    Args:
        place: the model that was asked for; None for the one that answered before the interruption, or the default.
        default_place: returns where the default model is.
        arguments: what is asked about.
        out: the file.
        resume: go on with what an interrupted call left.
        search: what is looked for in photographs; None for nothing.

    Returns:
        How many photographs there were, and for how many of them there is no age.

    Raises:
        BadInput: there is no model, or no photograph; or what was left is about other photographs or another model.
        RunStopped: a person stopped it; what was answered is kept.
    """
    outputs.check(out)
    journal = Journal(out)
    if journal.exists() and not resume:
        raise BadInput(
            f"{journal.path}: an earlier call was interrupted. Go on with --resume, or remove this file to start again."
        )
    resumed = resume and journal.exists()
    total = inputs.count(arguments)
    before = journal.model() if resumed else None
    sought = search.name if search else NO_SEARCH
    if before is not None and before.search != sought:
        raise BadInput(
            f"{journal.path}: the interrupted call looked for faces in another way or with another detector. Go on with its "
            "options, or remove this file to start again."
        )
    served = _model(before, place, default_place, journal.path)
    predictor = Predictor(served)
    asker = Asker(predictor, search)
    photographs = inputs.photographs(arguments)
    done = 0
    if resumed:
        journal.forget_what_is_cut_off()
        done = _pass_over(journal, photographs)
    else:
        journal.begin(Model(served.path, served.digest, predictor.outputs, sought))
    try:
        with contextlib.closing(_reported(asker.answers(photographs), done, total)) as found:
            while some := list(itertools.islice(found, _AT_ONCE)):
                journal.append(some)
                done += len(some)
    except KeyboardInterrupt as stopped:
        raise RunStopped(
            f"Stopped, as you asked. {done:,} answers are kept in {journal.path}; the same command with --resume goes on."
        ) from stopped
    finally:
        journal.close()
    outputs.write(out, journal.answers(), asker.columns)
    unread = sum(answer.is_unread for answer in journal.answers())
    journal.remove()
    return done, unread


def _model(before: Model | None, place: str | None, default_place, journal: str) -> ServedModel:
    """Returns the model to ask, which is the one that answered before, if one did."""
    if before is None:
        return predictors.find(place if place is not None else default_place())
    if place is None and is_model(before.path):
        place = before.path
    served = predictors.find(place if place is not None else default_place())
    if served.digest != before.digest:
        raise BadInput(
            f"{journal}: the answers so far come from the model {before.path}, and {served.path} is another one. Name that model "
            "with --model to go on, or remove this file to start again."
        )
    return served


def _pass_over(journal: Journal, photographs: Iterator[inputs.Photograph]) -> int:
    """Moves past the photographs that were answered, and returns how many they are."""
    done = 0
    for answer in journal.answers():
        photograph = next(photographs, None)
        if photograph is None or photograph.file_name != answer.file_name:
            raise BadInput(
                f"{journal.path}: the photographs are not those of the interrupted call: number {done + 1} was "
                f"{answer.file_name}, and is {photograph.file_name if photograph else 'missing'}. Ask about the same ones, or "
                "remove this file to start again."
            )
        done += 1
    return done

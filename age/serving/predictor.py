"""Asks an exported model for the ages of photographs: a few, a list of any length, or a server's requests.

TensorFlow is loaded with the first model and not before.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent import futures
from typing import Any, TypeVar, Union

import numpy as np
import numpy.typing as npt

from age import lean_tensorflow, storage
from age.faces.framing import Face
from age.serving import model_digest, serving_directory
from age.serving.serving_directory import ServedModel
from schemas.bad_input import BadInput

Photograph = Union[str, "os.PathLike[str]", bytes, npt.NDArray[np.uint8]]
"""A path, the bytes of a JPEG or PNG file, or pixels: uint8 RGB `[height, width, 3]` or grey `[height, width]`."""

BATCH = 32
"""Photographs that a model is asked about at once: what an exported model takes through its network in one piece."""

BATCH_PIXELS = 64 << 20
"""Pixels of a batch of large photographs, as RGB 200 MB. One photograph may have so many itself."""

LARGEST_FILE = 256 << 20
"""Bytes. The largest image that is decoded has 8192x8192 pixels, which uncompressed take 192 MiB."""

AGE, LOW, HIGH = "age", "age_low", "age_high"
"""Outputs of a model: years, and the ends of an interval where it gives one."""

_SIGNATURE = "serving_default"
_INPUT = "image_bytes"
_SERVING_BELOW_WORKDIR = ("serving", "age")

# Reading ahead hides the delay of a disk or a network; two calls at once let one batch be decoded while another is in the network.
_READERS = 8
_READ_AHEAD = 2 * BATCH
_CALLS = 2

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a model answers for one photograph.

    Attributes:
        age: years; None where the photograph can't be read.
        age_low: lower end of the interval, years; None where the model gives none.
        age_high: upper end.
        error: why there is no age; empty where there is one.
        warning: why the age may be far off, as far as that was looked at; empty where nothing was found.
        face: the face that it is the age of; None where the whole photograph was asked about.
    """

    age: float | None = None
    age_low: float | None = None
    age_high: float | None = None
    error: str = ""
    warning: str = ""
    face: Face | None = None


@dataclasses.dataclass(frozen=True)
class ReadPhotograph:
    """A photograph that was read: its bytes and pixels, or what is wrong with it."""

    encoded: bytes = b""
    pixels: int = 0
    error: str = ""


def find(place: str) -> ServedModel:
    """Returns the model that a place stands for.

    Args:
        place: a SavedModel's directory, a serving directory, or the workdir of runs; of the last two, the version being served.

    Returns:
        The model; its version is 0 where its directory is not named by one.

    Raises:
        BadInput: there is none.
    """
    path = place.rstrip("/") or place
    if model_digest.is_model(path):
        name = os.path.basename(os.path.abspath(path))
        return ServedModel(int(name) if name.isascii() and name.isdigit() else 0, path)
    for directory in (path, storage.join(path, *_SERVING_BELOW_WORKDIR)):
        served = serving_directory.served_models(directory)
        if served:
            return served[0]
    raise BadInput(
        f"{place}: no SavedModel there, and no model is being served there. Expected a directory such as "
        "<workdir>/serving/age/<version>, a serving directory with a version in it, or the workdir of a run that was blessed."
    )


class Predictor:
    """A model that was loaded, and answers.

        predictor = Predictor.load("runs/faces")
        for photograph, answer in zip(photographs, predictor.predict(photographs)):
            print(photograph, answer.age if answer.age is not None else answer.error)

    Any number of threads may ask at once.

    Attributes:
        path: the SavedModel's directory.
        version: its version, 0 where the directory is not named by one.
        outputs: `age`, and `age_low` and `age_high` where the model gives an interval.
    """

    def __init__(self, served: ServedModel):
        lean_tensorflow.load()
        import tensorflow as tf

        self.path, self.version = served.path, served.version
        try:
            # The module must outlive its signature, which holds its variables weakly.
            self._module = tf.saved_model.load(served.path)
        except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
            raise BadInput(
                f"{served.path}: the model can't be loaded: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
            ) from error
        signature = self._module.signatures.get(_SIGNATURE)
        taken = set(signature.structured_input_signature[1]) if signature else set()
        given = set(signature.structured_outputs) if signature else set()
        if taken != {_INPUT} or AGE not in given:
            raise BadInput(
                f"{served.path}: not a model of ages. Expected a signature {_SIGNATURE!r} that takes {_INPUT!r} and gives {AGE!r}; "
                f"found {sorted(taken) or 'none'} and {sorted(given) or 'none'}."
            )
        self._signature = signature
        self.outputs: tuple[str, ...] = (AGE, LOW, HIGH) if {LOW, HIGH} <= given else (AGE,)

    @classmethod
    def load(cls, place: "str | os.PathLike[str]") -> "Predictor":
        """Loads a model, which takes a few seconds with the first one, because TensorFlow is loaded then.

        Args:
            place: a SavedModel's directory, a serving directory, or the workdir of runs; of the last two, the version being
                served.

        Raises:
            BadInput: there is none, or it is not a model of ages.
        """
        return cls(find(os.fspath(place)))

    def signature(self, name: str) -> Callable[..., Mapping[str, Any]] | None:
        """Returns another signature of the model, which takes and gives tensors; None where there is no such one."""
        found: Callable[..., Mapping[str, Any]] | None = self._module.signatures.get(name)
        return found

    def predict(self, photographs: Iterable[Photograph]) -> list[Prediction]:
        """Returns an answer for each photograph, in their order; one that can't be read has the reason in its answer.

        Args:
            photographs: paths, bytes of JPEG or PNG files, and arrays of pixels, mixed as you like.

        Raises:
            TypeError: something else is among them, or `photographs` is a single one.
        """
        if isinstance(photographs, (str, bytes, os.PathLike)):
            raise TypeError(f"Expected several photographs, such as a list; found one {type(photographs).__name__}.")
        return [prediction for _, prediction in self.stream(photographs, encoded_bytes)]

    def stream(
        self, items: Iterable[_Item], read: Callable[[_Item], bytes], largest: int | None = None
    ) -> Iterator[tuple[_Item, Prediction]]:
        """Yields every item with its answer, in order, while memory does not grow with their number.

        Files are read ahead by several threads, and one batch is decoded while another is in the network.

        Args:
            items: what is asked about, one photograph each.
            read: returns an item's bytes, or raises OSError or UnusableImage; called from several threads.
            largest: pixels of the largest photograph that is decoded; None for what the model decodes.
        """

        def load(item: _Item) -> tuple[_Item, ReadPhotograph]:
            return item, loaded(item, read, largest)

        def answer(batch: list[tuple[_Item, ReadPhotograph]]) -> list[tuple[_Item, Prediction]]:
            answers = iter(self.answer([one.encoded for _, one in batch if not one.error]))
            return [(item, Prediction(error=one.error) if one.error else next(answers)) for item, one in batch]

        with futures.ThreadPoolExecutor(_READERS) as readers, futures.ThreadPoolExecutor(_CALLS) as callers:
            batches = batched(ahead(readers, load, items, _READ_AHEAD))
            for answered in ahead(callers, answer, batches, _CALLS + 1):
                yield from answered

    def answer(self, encoded: Sequence[bytes]) -> list[Prediction]:
        """Returns the answers for a batch, in its order, from one call of the model.

        Args:
            encoded: bytes of JPEG or PNG files, of at most `BATCH_PIXELS` in all: they are decoded at once.
        """
        if not encoded:
            return []
        import tensorflow as tf

        outputs = self._signature(**{_INPUT: tf.constant(encoded)})
        columns = [outputs[name].numpy() for name in self.outputs]
        return [self._prediction(data, [column[row] for column in columns]) for row, data in enumerate(encoded)]

    def _prediction(self, encoded: bytes, values: Sequence["np.float32"]) -> Prediction:
        if not all(map(math.isfinite, values)):
            return Prediction(error=_why_unanswered(encoded))
        # The shortest decimal numbers that read back as what the model said.
        age, *interval = (float(str(np.float32(value))) for value in values)
        low, high = interval or (None, None)
        return Prediction(age, low, high)


def encoded_bytes(photograph: Photograph) -> bytes:
    """Returns a photograph's bytes as a file would hold them; pixels become PNG, which loses nothing of them.

    Raises:
        OSError: a file can't be read.
        TypeError: it is no photograph.
    """
    given: object = photograph
    if isinstance(given, bytes):
        return given
    if isinstance(given, (str, os.PathLike)):
        return storage.read_plain_file(os.fspath(given), LARGEST_FILE)
    found = repr(given)
    if isinstance(given, np.ndarray):
        found = f"an array of {given.dtype} {list(given.shape)}"
        pixels = given[..., np.newaxis] if given.ndim == 2 else given
        if given.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] in (1, 3) and pixels.size:
            import tensorflow as tf

            png: bytes = tf.io.encode_png(pixels).numpy()
            return png
    raise TypeError(
        f"Expected a path, bytes, or an array of uint8 [height, width, 3] or [height, width]; found {found[:200]}."
    )


def _why_unanswered(encoded: bytes) -> str:
    from age import image_header

    try:
        return str(image_header.undecodable(encoded, image_header.image_format(encoded)))
    except image_header.UnusableImage as error:
        return str(error)


def loaded(item: _Item, read: Callable[[_Item], bytes], largest: int | None) -> ReadPhotograph:
    """Reads a photograph, and looks at its header: what is too large is not decoded.

    Args:
        item: what is asked about.
        read: as for `Predictor.stream`.
        largest: pixels of the largest photograph that is decoded; None for what the model decodes.
    """
    from age import image_decoding, image_header

    most = min(largest or image_decoding.MAX_PIXELS, image_decoding.MAX_PIXELS)
    try:
        encoded = read(item)
        header = image_header.read(encoded)
    except OSError as error:
        return ReadPhotograph(error=error.strerror or str(error))
    except image_header.UnusableImage as error:
        return ReadPhotograph(error=str(error))
    if header.pixels > most:
        return ReadPhotograph(error=f"{header.width}x{header.height} pixels; at most {most:,} are decoded")
    return ReadPhotograph(encoded, header.pixels)


def batched(photographs: Iterable[tuple[_Item, ReadPhotograph]]) -> Iterator[list[tuple[_Item, ReadPhotograph]]]:
    """Yields batches of at most `BATCH` photographs and `BATCH_PIXELS` pixels, or of one that has more."""
    batch: list[tuple[_Item, ReadPhotograph]] = []
    pixels = 0
    for item, one in photographs:
        if batch and (len(batch) == BATCH or pixels + one.pixels > BATCH_PIXELS):
            yield batch
            batch, pixels = [], 0
        batch.append((item, one))
        pixels += one.pixels
    if batch:
        yield batch


def ahead(
    executor: futures.Executor, function: Callable[[_Item], _Result], items: Iterable[_Item], depth: int
) -> Iterator[_Result]:
    """Yields what `function` makes of each item, in order, at most `depth` of them being made or waiting."""
    pending: list[futures.Future[_Result]] = []
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) >= depth:
                yield pending.pop(0).result()
        while pending:
            yield pending.pop(0).result()
    finally:
        for future in pending:
            future.cancel()

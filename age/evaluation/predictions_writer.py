"""Writes `predictions.csv` from what TFMA predicts while it evaluates: no photograph is predicted twice for it."""

import contextlib
import contextvars
import dataclasses
import os
from collections.abc import Iterable, Iterator

import apache_beam as beam
import numpy as np
import numpy.typing as npt
from tensorflow_model_analysis import constants
from tensorflow_model_analysis.api import types

from age import storage
from age.evaluation import evaluation_config, predictions_file
from schemas import features

CANDIDATE, BASELINE = "candidate", "baseline"
"""TFMA's names for the model that is evaluated and for the champion, where there is one."""

_BEST_KEY = "best_version_predictions"
_ROWS_PER_PART = 50_000
_HASH_DIGITS = 15


@dataclasses.dataclass(frozen=True)
class Destination:
    """Where predictions go, and in how many parts.

    A part holds the photographs whose hashes lie in one range, so that each can be sorted alone (in a few MB, on any
    worker) and all of them, one after the other, are the sorted file.

    Attributes:
        directory: where the parts and, in the end, `predictions.csv` are written.
        attributes: the attribute columns, in order.
        parts: number of parts.
        with_champion: whether a champion predicts too.
        best_model: directory of one more SavedModel that does; None for none.
        with_intervals: whether the candidate answers with an interval beside the age.
    """

    directory: str
    attributes: tuple[str, ...]
    parts: int
    with_champion: bool = False
    best_model: str | None = None
    with_intervals: bool = False

    def part_path(self, part: int) -> str:
        return storage.join(self.directory, f"{predictions_file.PREDICTIONS_FILE}.{part:05d}-of-{self.parts:05d}")


# TFX's Evaluator calls `custom_extractors` with three arguments of its own choice and no room for another. The destination
# is needed while it builds the Beam pipeline, which happens in this thread; the workers get it inside the DoFn.
_destination: contextvars.ContextVar[Destination | None] = contextvars.ContextVar("destination", default=None)


def destination() -> Destination | None:
    """Returns where the evaluation that is being built should write predictions; None for nowhere."""
    return _destination.get()


@contextlib.contextmanager
def writing_predictions(
    directory: str,
    attributes: list[str],
    pictures: int,
    with_champion: bool = False,
    best_model: str | None = None,
    with_intervals: bool = False,
) -> Iterator[None]:
    """Has the evaluation that runs inside write `predictions.csv` into `directory`.

    Args:
        directory: made if it does not exist.
        attributes: the attribute columns, in order.
        pictures: number of photographs in all splits. The test split is a range of the hashes, so that its share of the
            parts is its share of the photographs.
        with_champion: whether a champion predicts too; its answers are the next column.
        best_model: directory of one more SavedModel that does, where workers find it; its answers are the last column.
        with_intervals: whether the candidate answers with an interval beside the age.
    """
    parts_needed = max(1, -(-pictures // _ROWS_PER_PART))
    chosen = Destination(directory, tuple(attributes), parts_needed, with_champion, best_model, with_intervals)
    storage.make_directory(directory)
    token = _destination.set(chosen)
    try:
        yield
    finally:
        _destination.reset(token)
    parts = [path for path in map(chosen.part_path, range(chosen.parts)) if storage.exists(path)]
    whole = os.path.join(directory, predictions_file.PREDICTIONS_FILE)
    storage.concatenate(
        predictions_file.header(attributes, with_champion, best_model is not None, with_intervals), parts, whole
    )
    for path in parts:
        storage.remove_file(path)


def _texts(values: npt.ArrayLike | None, count: int) -> list[str]:
    if values is None:
        return [""] * count
    flat = np.asarray(values, dtype=object).reshape(-1)
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in flat]


def _answers(
    predictions: npt.NDArray[np.float32] | dict[str, npt.NDArray[np.float32]], model: str, output: str = features.AGE
) -> npt.NDArray[np.float32]:
    """Returns what a model answered, or the only one did."""
    for key in (model, output):
        if isinstance(predictions, dict) and key in predictions:
            predictions = predictions[key]
    return np.asarray(predictions).reshape(-1)


def _rows_by_part(extracts: types.Extracts, to: Destination) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yields `(part, (hash, line))` for each photograph of a batch of extracts."""
    named = extracts[constants.FEATURES_KEY]
    predicted = _answers(extracts[constants.PREDICTIONS_KEY], CANDIDATE)
    count = len(predicted)
    hashes = _texts(named[features.IMAGE_SHA256], count)
    columns = [
        _texts(named[features.IMAGE_FILENAME], count),
        hashes,
        [predictions_file.number(age) for age in np.asarray(named[features.AGE]).reshape(-1)],
        [predictions_file.number(age) for age in predicted],
        *(
            [predictions_file.number(age) for age in _answers(extracts[constants.PREDICTIONS_KEY], CANDIDATE, end)]
            for end in (predictions_file.INTERVAL_COLUMNS if to.with_intervals else ())
        ),
        *(_texts(named.get(name), count) for name in to.attributes),
    ]
    if to.with_champion:
        columns.append([predictions_file.number(age) for age in _answers(extracts[constants.PREDICTIONS_KEY], BASELINE)])
    if to.best_model is not None:
        columns.append([predictions_file.number(age) for age in extracts[_BEST_KEY]])
    for sha256, *fields in zip(hashes, *columns, strict=True):
        place = int(sha256[:_HASH_DIGITS], 16) * to.parts // 16**_HASH_DIGITS
        yield place, (sha256, predictions_file.line(fields))


def _write_part(part: tuple[int, Iterable[tuple[str, str]]], to: Destination) -> None:
    number, rows = part
    # A worker that does this again writes the same file.
    storage.write_text(to.part_path(number), "".join(line for _, line in sorted(rows)))


class _AskBestModel(beam.DoFn):
    """Adds what one more model answers for the serialized examples of a batch: TFMA compares two models at most."""

    def __init__(self, model: str):
        self._model = model

    def setup(self) -> None:
        import tensorflow as tf

        # The module must outlive its signature, which holds its variables weakly.
        self._loaded = tf.saved_model.load(self._model)
        self._signature = self._loaded.signatures[evaluation_config.SIGNATURE]

    def process(self, extracts: types.Extracts) -> Iterator[types.Extracts]:
        import tensorflow as tf

        examples = np.asarray(extracts[constants.INPUT_KEY], dtype=object).reshape(-1)
        yield {**extracts, _BEST_KEY: self._signature(tf.constant(examples))[features.AGE].numpy().reshape(-1)}


class WritePredictions(beam.PTransform[beam.pvalue.PCollection[types.Extracts], beam.pvalue.PCollection[None]]):
    """Writes batches of TFMA's extracts, predictions in them, as the parts of a predictions file."""

    def __init__(self, to: Destination):
        super().__init__()
        self._to = to

    def expand(self, extracts: beam.pvalue.PCollection[types.Extracts]) -> beam.pvalue.PCollection[None]:
        if self._to.best_model is not None:
            extracts = extracts | "AskBestModel" >> beam.ParDo(_AskBestModel(self._to.best_model))
        written: beam.pvalue.PCollection[None] = (
            extracts
            | "PredictionRows" >> beam.FlatMap(_rows_by_part, self._to)
            | "GroupByPart" >> beam.GroupByKey()
            | "WritePart" >> beam.Map(_write_part, self._to)
        )
        return written

"""The file `predictions.csv`: what a model answered for each test photograph, one row each, in the order of their hashes.

Its columns are `file_name`, `sha256`, `real_age`, `predicted_age` (years), `age_low` and `age_high` (years) where the model answers
with an interval too, then the attribute columns of the data, and at last `champion_age` where a champion answered for the same
photographs, and `best_version_age` where a version did that is still in the serving directory and was better than the champion by
its own record.
"""

import array
import csv
import dataclasses
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from age import spreadsheet_cells, storage
from age.serving import training_images

PREDICTIONS_FILE = "predictions.csv"
COLUMNS = ("file_name", "sha256", "real_age", "predicted_age")
INTERVAL_COLUMNS = ("age_low", "age_high")
CHAMPION_COLUMN, BEST_COLUMN = "champion_age", "best_version_age"
_ANSWERS = (CHAMPION_COLUMN, BEST_COLUMN)


class Row(NamedTuple):
    """One row of a predictions file; ages in years."""

    file_name: str
    sha256: str
    real_age: float
    predicted_age: float
    attributes: tuple[str, ...]
    champion_age: float | None = None
    best_version_age: float | None = None
    age_low: float | None = None
    age_high: float | None = None

    @property
    def error(self) -> float:
        return self.predicted_age - self.real_age


@dataclasses.dataclass(frozen=True)
class PredictionColumns:
    """The columns of a predictions file that errors are computed from, n rows.

    Attributes:
        real_age: float64[n], years.
        predicted_age: float64[n], years; NaN where the model could not answer.
        attributes: for each attribute column its different values, and int32[n] that says which of them a row has.
        champion_age: float64[n], years, likewise; None where there was no champion.
        best_version_age: float64[n], years, likewise.
        images: uint64[n], which photograph it is (see `age.serving.training_images`); None where nobody asked.
        age_low: float64[n], lower ends of the intervals, years; None where the model gives none.
        age_high: float64[n], upper ends.
    """

    real_age: npt.NDArray[np.float64]
    predicted_age: npt.NDArray[np.float64]
    attributes: dict[str, tuple[list[str], npt.NDArray[np.int32]]]
    champion_age: npt.NDArray[np.float64] | None = None
    best_version_age: npt.NDArray[np.float64] | None = None
    images: npt.NDArray[np.uint64] | None = None
    age_low: npt.NDArray[np.float64] | None = None
    age_high: npt.NDArray[np.float64] | None = None


def header(
    attributes: Sequence[str], with_champion: bool = False, with_best: bool = False, with_intervals: bool = False
) -> str:
    """Returns the first line. An attribute column with the name of one of ours gets a `_` behind it."""
    names = [*COLUMNS, *(INTERVAL_COLUMNS if with_intervals else ())]
    for name in attributes:
        while name in names or name in (*INTERVAL_COLUMNS, *_ANSWERS):
            name += "_"
        names.append(name)
    return line([*names, *_ANSWERS[: with_champion + with_best]])


def line(fields: Iterable[str]) -> str:
    """Returns one row of the file, with its line end."""
    text = io.StringIO()
    # With the usual line end, because the writer quotes what holds a character of the line end and nothing else.
    csv.writer(text).writerow(map(spreadsheet_cells.harmless, fields))
    return text.getvalue()[: -len("\r\n")] + "\n"


def number(value: "np.floating[npt.NBitBase]") -> str:
    """Returns the shortest decimal number that reads back as `value`; `nan` for what is not a number."""
    return np.format_float_positional(value, trim="-")


def rows(path: str) -> Iterator[Row]:
    """Yields the rows of a predictions file.

    Raises:
        FileNotFoundError: there is no such file.
        OSError: it can't be read.
    """
    with storage.open_binary(path) as file, io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        names = next(reader, [])
        others = sum(name in _ANSWERS for name in names[-len(_ANSWERS) :])
        interval = slice(len(COLUMNS), len(COLUMNS) + len(INTERVAL_COLUMNS))
        with_intervals = tuple(names[interval]) == INTERVAL_COLUMNS
        for fields in reader:
            answers = [float(fields.pop(len(names) - others)) for _ in range(others)]
            low, high = map(float, fields[interval]) if with_intervals else (None, None)
            if with_intervals:
                del fields[interval]
            fields = [spreadsheet_cells.original(field) for field in fields]
            file_name, sha256, real_age, predicted_age, *attributes = fields
            row = Row(file_name, sha256, float(real_age), float(predicted_age), tuple(attributes), *answers)
            yield row._replace(age_low=low, age_high=high) if with_intervals else row


def read(path: str, attributes: Sequence[str]) -> PredictionColumns:
    """Reads a predictions file; memory grows by a few dozen bytes a row.

    Args:
        path: the file.
        attributes: the attribute columns of the data, in their order. Columns are told by their place.
    """
    real, predicted, champion, best = array.array("d"), array.array("d"), array.array("d"), array.array("d")
    low, high = array.array("d"), array.array("d")
    images = array.array("Q")
    codes = [array.array("i") for _ in attributes]
    values: list[dict[str, int]] = [{} for _ in attributes]
    for row in rows(path):
        real.append(row.real_age)
        predicted.append(row.predicted_age)
        if row.champion_age is not None:
            champion.append(row.champion_age)
        if row.best_version_age is not None:
            best.append(row.best_version_age)
        images.append(training_images.prefix(row.sha256))
        if row.age_low is not None and row.age_high is not None:
            low.append(row.age_low)
            high.append(row.age_high)
        for place, value in enumerate(row.attributes):
            codes[place].append(values[place].setdefault(value, len(values[place])))
    return PredictionColumns(
        real_age=np.frombuffer(real, dtype=np.float64),
        predicted_age=np.frombuffer(predicted, dtype=np.float64),
        attributes={
            name: (list(values[place]), np.frombuffer(codes[place], dtype=np.int32)) for place, name in enumerate(attributes)
        },
        champion_age=np.frombuffer(champion, dtype=np.float64) if champion else None,
        best_version_age=np.frombuffer(best, dtype=np.float64) if best else None,
        images=np.frombuffer(images, dtype=np.uint64),
        age_low=np.frombuffer(low, dtype=np.float64) if low else None,
        age_high=np.frombuffer(high, dtype=np.float64) if high else None,
    )

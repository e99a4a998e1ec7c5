"""Writes answers as a table: `file_name`, the face, `age` (and `age_low`, `age_high` where the model gives them), `warning`, `error`."""

import csv
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from age import spreadsheet_cells
from age.serving import Prediction
from age.serving.predictor import AGE, HIGH, LOW
from pipeline.prediction.journal import Answer
from schemas import features
from schemas.bad_input import BadInput

ERROR, WARNING = "error", "warning"
_FACE_COLUMNS = ("face", "face_x", "face_y", "face_width", "face_height", "face_score")
_ROWS_OF_A_GROUP = 50_000

# A thousandth of a year. Further digits depend on what else was in the batch.
_DECIMALS = 3


def columns(outputs: Sequence[str], warnings: bool = False, faces: bool = False) -> list[str]:
    """Returns the columns of a model's answers.

    Args:
        outputs: what the model gives.
        warnings: whether photographs are looked at for what makes their ages doubtful.
        faces: whether there is a row for each face.
    """
    return [
        features.FILE_NAME_COLUMN,
        *(_FACE_COLUMNS if faces else ()),
        *outputs,
        *((WARNING,) if warnings else ()),
        ERROR,
    ]


def years(prediction: Prediction, outputs: Sequence[str]) -> dict[str, float | None]:
    """Returns what a model answered, in years as they are written."""
    found = {name: getattr(prediction, name) for name in outputs}
    return {name: None if value is None else round(value, _DECIMALS) for name, value in found.items()}


Row = tuple[str, int, Prediction]
"""A photograph's name, the number of its face from 1, and what was answered."""


def _rows(answers: Iterable[Answer]) -> Iterator[Row]:
    for answer in answers:
        for number, prediction in enumerate(answer.predictions, start=1):
            yield answer.file_name, number, prediction


def _values(row: Row, names: Sequence[str]) -> list[str | float | None]:
    file_name, number, prediction = row
    values: dict[str, str | float | None] = {
        features.FILE_NAME_COLUMN: file_name,
        WARNING: prediction.warning,
        ERROR: prediction.error,
    }
    if prediction.face:
        box = (round(side) for side in prediction.face.box)
        values.update(zip(_FACE_COLUMNS, (number, *box, round(prediction.face.score, _DECIMALS))))
    values.update(years(prediction, (AGE, LOW, HIGH)))
    return [values.get(name) for name in names]


class CsvRows:
    """Writes rows of CSV to an open file, with names that no spreadsheet runs as formulas."""

    def __init__(self, file: TextIO, names: Sequence[str]):
        self._writer = csv.writer(file, lineterminator="\n")
        self._names = names
        self._writer.writerow(names)

    def write(self, answer: Answer) -> None:
        for row in _rows([answer]):
            cells = ("" if value is None else value for value in _values(row, self._names))
            self._writer.writerow(spreadsheet_cells.harmless(cell) if isinstance(cell, str) else cell for cell in cells)


def _write_csv(path: str, answers: Iterable[Answer], names: Sequence[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = CsvRows(file, names)
        for answer in answers:
            rows.write(answer)


def _write_json_lines(path: str, answers: Iterable[Answer], names: Sequence[str]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for row in _rows(answers):
            file.write(json.dumps(dict(zip(names, _values(row, names))), ensure_ascii=False) + "\n")


def _write_parquet(path: str, answers: Iterable[Answer], names: Sequence[str]) -> None:
    import pyarrow
    from pyarrow import parquet

    texts, whole = (features.FILE_NAME_COLUMN, WARNING, ERROR), _FACE_COLUMNS[:-1]
    schema = pyarrow.schema(
        (name, pyarrow.string() if name in texts else pyarrow.int32() if name in whole else pyarrow.float32())
        for name in names
    )
    with parquet.ParquetWriter(path, schema) as writer:
        for group in _groups(_rows(answers)):
            columns_of_group = zip(*(_values(row, names) for row in group))
            arrays = [pyarrow.array(values, field.type) for values, field in zip(columns_of_group, schema)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while group := list(itertools.islice(remaining, _ROWS_OF_A_GROUP)):
        yield group


_WRITERS: dict[str, Callable[[str, Iterable[Answer], Sequence[str]], None]] = {
    ".csv": _write_csv,
    ".jsonl": _write_json_lines,
    ".parquet": _write_parquet,
}


def check(path: str) -> None:
    """Makes sure that a file can become the output, before anything is asked.

    Raises:
        BadInput: its ending is none of those that are known, or its directory is not there.
    """
    if os.path.splitext(path)[1].lower() not in _WRITERS:
        raise BadInput(f"--out {path}: expected a file that ends in {', '.join(_WRITERS)}.")
    directory = os.path.dirname(path) or "."
    if not os.path.isdir(directory):
        raise BadInput(f"--out {path}: there is no directory {directory}.")


def write(path: str, answers: Iterable[Answer], names: Sequence[str]) -> None:
    """Writes the table in the format that the file's ending says; the file is there whole or as it was before.

    Args:
        path: the file.
        answers: one for each photograph.
        names: the columns.
    """
    being_written = f"{path}.{os.getpid()}.writing"
    try:
        _WRITERS[os.path.splitext(path)[1].lower()](being_written, answers, names)
        os.replace(being_written, path)
    finally:
        if os.path.exists(being_written):
            os.remove(being_written)

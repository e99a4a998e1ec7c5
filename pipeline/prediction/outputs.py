"""Writes answers as a table: `file_name`, `age` (and `age_low`, `age_high` where the model gives them), `error`."""

import csv
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TextIO

from age import spreadsheet_cells
from age.serving import Prediction
from pipeline.prediction.journal import Answer
from schemas import features
from schemas.bad_input import BadInput

ERROR = "error"
_ROWS_OF_A_GROUP = 50_000

# A thousandth of a year. Further digits depend on what else was in the batch.
_DECIMALS = 3


def columns(outputs: Sequence[str]) -> list[str]:
    """Returns the columns of a model's answers."""
    return [features.FILE_NAME_COLUMN, *outputs, ERROR]


def years(prediction: Prediction, outputs: Sequence[str]) -> dict[str, float | None]:
    """Returns what a model answered, in years as they are written."""
    found = {name: getattr(prediction, name) for name in outputs}
    return {name: None if value is None else round(value, _DECIMALS) for name, value in found.items()}


def _values(answer: Answer, outputs: Sequence[str]) -> list[str | float | None]:
    return [answer.file_name, *years(answer.prediction, outputs).values(), answer.prediction.error]


class CsvRows:
    """Writes rows of CSV to an open file, with names that no spreadsheet runs as formulas."""

    def __init__(self, file: TextIO, outputs: Sequence[str]):
        self._writer = csv.writer(file, lineterminator="\n")
        self._outputs = outputs
        self._writer.writerow(columns(outputs))

    def write(self, answer: Answer) -> None:
        cells = ("" if value is None else value for value in _values(answer, self._outputs))
        self._writer.writerow(spreadsheet_cells.harmless(cell) if isinstance(cell, str) else cell for cell in cells)


def _write_csv(path: str, answers: Iterable[Answer], outputs: Sequence[str]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        rows = CsvRows(file, outputs)
        for answer in answers:
            rows.write(answer)


def _write_json_lines(path: str, answers: Iterable[Answer], outputs: Sequence[str]) -> None:
    names = columns(outputs)
    with open(path, "w", encoding="utf-8") as file:
        for answer in answers:
            file.write(json.dumps(dict(zip(names, _values(answer, outputs))), ensure_ascii=False) + "\n")


def _write_parquet(path: str, answers: Iterable[Answer], outputs: Sequence[str]) -> None:
    import pyarrow
    from pyarrow import parquet

    schema = pyarrow.schema(
        [
            (features.FILE_NAME_COLUMN, pyarrow.string()),
            *((name, pyarrow.float32()) for name in outputs),
            (ERROR, pyarrow.string()),
        ]
    )
    with parquet.ParquetWriter(path, schema) as writer:
        for group in _groups(answers):
            rows = zip(*(_values(answer, outputs) for answer in group))
            arrays = [pyarrow.array(values, field.type) for values, field in zip(rows, schema)]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))


def _groups(answers: Iterable[Answer]) -> Iterator[list[Answer]]:
    remaining = iter(answers)
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


def write(path: str, answers: Iterable[Answer], outputs: Sequence[str]) -> None:
    """Writes the table in the format that the file's ending says; the file is there whole or as it was before."""
    being_written = f"{path}.{os.getpid()}.writing"
    try:
        _WRITERS[os.path.splitext(path)[1].lower()](being_written, answers, outputs)
        os.replace(being_written, path)
    finally:
        if os.path.exists(being_written):
            os.remove(being_written)

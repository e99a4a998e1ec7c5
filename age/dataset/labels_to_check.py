"""The file `labels_to_check.csv`: every photograph of a run, worst label first, in the columns that users of cleanlab know.

`is_label_issue`, `label_quality`, `given_label` and `predicted_label` are those of cleanlab's `find_label_issues` (ages, years);
`file_name` and `split` are before and behind them.
"""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from age import spreadsheet_cells, storage
from schemas.bad_input import BadInput

FILE_NAME = "labels_to_check.csv"
COLUMNS = ("file_name", "is_label_issue", "label_quality", "given_label", "predicted_label", "split")

ISSUE_BELOW = 0.5
"""A label of less quality is called an issue: more likely wrong than right."""


class JudgedLabel(NamedTuple):
    """One row.

    Attributes:
        file_name: as the label file has it.
        quality: the probability that the label is right, 0 to 1.
        given: the label, years.
        predicted: what other photographs let expect, years.
        split: in which the photograph is.
    """

    file_name: str
    quality: float
    given: float
    predicted: float
    split: str

    @property
    def is_issue(self) -> bool:
        return self.quality < ISSUE_BELOW


def worst_first(rows: Iterable[JudgedLabel]) -> list[JudgedLabel]:
    """Returns the rows by quality, those that are further from what is expected first where it is the same."""
    return sorted(rows, key=lambda row: (row.quality, -abs(row.predicted - row.given), row.file_name))


def write(path: str, rows: Iterable[JudgedLabel]) -> None:
    """Writes the file; names of strangers' files are no formulas in it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        name, split = spreadsheet_cells.harmless(row.file_name), row.split
        writer.writerow((name, row.is_issue, f"{row.quality:.6f}", f"{row.given:g}", f"{row.predicted:.2f}", split))
    storage.write_text(path, text.getvalue())


def read(path: str) -> Iterator[JudgedLabel]:
    """Yields the rows of a file, worst first.

    Raises:
        BadInput: there is no such file, or it is another one.
    """
    try:
        content = storage.read_bytes(path).decode("utf-8")
    except FileNotFoundError as error:
        raise BadInput(
            f"{path}: there is no such file: the labels of this run were not checked. `age-pipeline labels check` does it."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: the file can't be read: {error}.") from error
    reader = csv.reader(io.StringIO(content, newline=""))
    for number, fields in enumerate(itertools.chain([next(reader, [])], reader), start=1):
        if number == 1:
            if tuple(fields) != COLUMNS:
                raise BadInput(
                    f"{path}: the columns are {', '.join(fields)[:200]!r}; expected {', '.join(COLUMNS)}. Check the labels again."
                )
            continue
        try:
            name, _, quality, given, predicted, split = fields
            yield JudgedLabel(spreadsheet_cells.original(name), float(quality), float(given), float(predicted), split)
        except ValueError as error:
            raise BadInput(f"{path}, line {number}: not a row of this file: {error}. Check the labels again.") from error

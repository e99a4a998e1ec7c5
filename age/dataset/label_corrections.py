"""Corrections of labels: accepted by somebody, kept beside the list that they were found in, and exported as a new label file.

<reports>/<run>/label_corrections.csv     file_name, age_before, age, by, when, reason; a later line replaces an earlier one
"""

import csv
import datetime
import io
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from age import spreadsheet_cells, storage
from age.dataset import label_file
from schemas import features
from schemas.bad_input import BadInput

FILE_NAME = "label_corrections.csv"
_COLUMNS = ("file_name", "age_before", "age", "by", "when", "reason")


class Correction(NamedTuple):
    """An age that somebody accepted in place of the one that the label file has.

    Attributes:
        file_name: as the label file has it.
        age_before: years.
        age: years.
        by: who accepted it.
        when: ISO 8601, UTC.
        reason: why; may be empty.
    """

    file_name: str
    age_before: float
    age: float
    by: str
    when: str
    reason: str


class Exported(NamedTuple):
    """What was exported.

    Attributes:
        changed: number of rows with another age.
        rows: number of all rows.
    """

    changed: int
    rows: int


def now() -> str:
    """Returns the time, ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def add(path: str, corrections: Sequence[Correction]) -> None:
    """Appends corrections to a file, which is made where there is none."""
    known = read(path).values()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for one in (*known, *corrections):
        name, by, reason = map(spreadsheet_cells.harmless, (one.file_name, one.by, one.reason))
        writer.writerow((name, f"{one.age_before:g}", f"{one.age:g}", by, one.when, reason))
    storage.write_text(path, text.getvalue())


def read(path: str) -> dict[str, Correction]:
    """Returns the corrections by file name; none where there is no such file.

    Raises:
        BadInput: it is another file, or damaged.
    """
    if not storage.exists(path):
        return {}
    found = {}
    rows = csv.reader(io.StringIO(storage.read_bytes(path).decode("utf-8", "replace"), newline=""))
    for number, fields in enumerate(rows, start=1):
        if number == 1 and tuple(fields) == _COLUMNS:
            continue
        try:
            name, before, age, by, when, reason = fields
            name, by, reason = map(spreadsheet_cells.original, (name, by, reason))
            found[name] = Correction(name, float(before), float(age), by, when, reason)
        except ValueError as error:
            raise BadInput(
                f"{path}, line {number}: no correction of a label: {error}. Mend the line or remove the file."
            ) from error
    return found


def export(labels: str, corrections: Mapping[str, Correction], destination: str) -> Exported:
    """Writes a label file with corrected ages, and beside them what stood there before and who changed it.

    Every row is there, in order, with all of its columns; `real_age_before` and `real_age_changed_by` come behind them, or are filled in
    where the label file has them from an earlier export, whose first age before stays.

    Args:
        labels: the label file.
        corrections: by file name.
        destination: the new file; nothing may be there.

    Raises:
        BadInput: there are no corrections, something is at the destination, a correction is of no row, or a row has neither the age
            that a correction was made of nor the corrected one.
    """
    if not corrections:
        raise BadInput(f"{labels}: no corrections were accepted. `age-pipeline labels accept` does it.")
    if storage.exists(destination):
        raise BadInput(f"{destination}: there is such a file already. Name one that is not there yet.")
    if not storage.is_directory(os.path.dirname(os.path.abspath(destination))):
        raise BadInput(f"{destination}: its directory is not there. Make it, or name another.")
    header = label_file.read_header(labels)
    columns = [*header.columns, *(name for name in features.CHANGE_COLUMNS if name not in header.columns)]
    name_at, age_at = columns.index(features.FILE_NAME_COLUMN), columns.index(features.REAL_AGE_COLUMN)
    before_at, by_at = (columns.index(name) for name in features.CHANGE_COLUMNS)
    text, left, changed, rows = io.StringIO(), set(corrections), 0, 0
    writer = csv.writer(text, delimiter=header.separator, lineterminator="\n")
    writer.writerow(columns)
    every = label_file.read_fields(labels)
    next(every)
    for fields in every:
        rows += 1
        # So that a row with too many or too few fields stays one.
        whole = len(fields) == len(header.columns)
        fields = [*fields, *[""] * (len(columns) - len(header.columns))]
        one = corrections.get(fields[name_at]) if whole else None
        if one is not None:
            left.discard(one.file_name)
            if _is_age(fields[age_at], one.age_before):
                fields[before_at] = fields[before_at] or fields[age_at].strip()
                fields[age_at], fields[by_at] = f"{one.age:g}", spreadsheet_cells.harmless(one.by)
                changed += 1
            elif not _is_age(fields[age_at], one.age):
                raise BadInput(
                    f"{labels}: {one.file_name!r} has the age {fields[age_at]!r}, and the correction was made of "
                    f"{one.age_before:g}: the labels have changed since. Check them again."
                )
        writer.writerow(fields)
    if left:
        raise BadInput(
            f"{labels}: there is no row of {min(left)!r}, whose age was corrected. Name the data directory of the run."
        )
    storage.write_text(destination, text.getvalue())
    return Exported(changed, rows)


def _is_age(text: str, age: float) -> bool:
    try:
        return abs(float(text) - age) < 1e-3
    except ValueError:
        return False

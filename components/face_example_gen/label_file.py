"""Reads a label file (`labels.csv`) row by row, whatever program wrote it."""

import contextlib
import csv
import dataclasses
import math
import re
from typing import Iterator, Optional, Tuple

from components import storage
from schemas import features
from schemas.bad_input import BadInput

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SEPARATORS = (",", ";", "\t")
_REQUIRED_COLUMNS = (features.FILE_NAME_COLUMN, features.REAL_AGE_COLUMN)


@dataclasses.dataclass(frozen=True)
class LabelRow:
    """One row of a label file.

    Attributes:
        line: number of the row's last line in the file, the header's being 1.
        file_name: as written.
        age_text: the `real_age` field as written.
        attributes: one value for each attribute column, blanks included, in the header's order.
        problem: why the row has no usable fields, or None.
    """

    line: int
    file_name: str
    age_text: str
    attributes: Tuple[str, ...]
    problem: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class Header:
    """What the first line of a label file says.

    Attributes:
        columns: the names, stripped of surrounding blanks.
        separator: the character between fields.
        attributes: names of the optional columns. A column without a name (such as the index that pandas writes) is
            not one.
    """

    columns: Tuple[str, ...]
    separator: str
    attributes: Tuple[str, ...]


def _lines(path: str) -> Iterator[bytes]:
    with storage.open_binary(path) as file:
        for line in file:
            # A file whose lines end in CR alone (Excel's "CSV (Macintosh)") is one line to Python.
            yield from line.splitlines(keepends=True)


def _decoded_lines(path: str) -> Iterator[str]:
    with contextlib.closing(_lines(path)) as lines:
        for number, line in enumerate(lines, start=1):
            if number == 1:
                if line.startswith((b"\xff\xfe", b"\xfe\xff")):
                    raise BadInput(f"{path}: the file is UTF-16; expected UTF-8. Save it again as UTF-8 CSV.")
                if line.startswith(b"\xef\xbb\xbf"):
                    line = line[3:]
            if b"\0" in line:
                raise BadInput(
                    f"{path}, line {number}: the line holds a NUL character, so the file is damaged or not UTF-8 text. "
                    "Save it again as UTF-8 CSV."
                )
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError as error:
                raise BadInput(
                    f"{path}, line {number}: byte {error.object[error.start]:#04x} is not UTF-8. "
                    "Save the file again as UTF-8 CSV."
                ) from error


def _columns(line: str, separator: str) -> Tuple[str, ...]:
    return tuple(column.strip() for column in next(csv.reader([line], delimiter=separator, strict=True)))


def _separator(line: str) -> str:
    """Returns the separator that shows the required columns, or else the most frequent one."""

    def shown(separator):
        try:
            return len(set(_REQUIRED_COLUMNS).intersection(_columns(line, separator)))
        except csv.Error:
            return 0

    return max(_SEPARATORS, key=lambda separator: (shown(separator), line.count(separator)))


def _check_header(where: str, columns: Tuple[str, ...]) -> None:
    found = ", ".join(repr(column) for column in columns)
    missing = [column for column in _REQUIRED_COLUMNS if column not in columns]
    if missing:
        raise BadInput(
            f"{where}: no column {' and no column '.join(repr(column) for column in missing)}; the columns are "
            f"{found}. Expected {_REQUIRED_COLUMNS[0]!r} and {_REQUIRED_COLUMNS[1]!r} (years), and any further columns as "
            "attributes."
        )
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if twice:
        raise BadInput(f"{where}: the column {twice[0]!r} occurs twice ({found}). Rename or remove one of them.")
    reserved = [column for column in columns if column in features.RESERVED_COLUMNS]
    if reserved:
        raise BadInput(
            f"{where}: the column name {reserved[0]!r} is taken by a feature of the pipeline's own. "
            "Rename the column."
        )


def read_header(path: str) -> Header:
    """Reads the first line of a label file.

    Raises:
        BadInput: the file is missing, empty, not UTF-8, or its columns are not what a label file needs.
    """
    try:
        lines = enumerate(_decoded_lines(path), start=1)
        number, first = next(((number, line) for number, line in lines if line.strip()), (1, ""))
    except FileNotFoundError as error:
        raise BadInput(
            f"{path}: there is no such file. Expected a CSV file with the columns {features.FILE_NAME_COLUMN!r} and "
            f"{features.REAL_AGE_COLUMN!r} beside the images."
        ) from error
    except OSError as error:
        raise BadInput(f"{path}: the label file can't be read: {error.strerror or error}.") from error
    if not first.strip():
        raise BadInput(
            f"{path}: the file is empty. Expected a first line such as "
            f"'{features.FILE_NAME_COLUMN},{features.REAL_AGE_COLUMN}' and one line for each image."
        )
    where, first = f"{path}, line {number}", first.strip("\r\n")
    separator = _separator(first)
    try:
        columns = _columns(first, separator)
    except csv.Error as error:
        raise BadInput(
            f"{where}: not a line of CSV: {error}. Look for a quotation mark without its partner."
        ) from error
    _check_header(where, columns)
    attributes = tuple(column for column in columns if column and column not in _REQUIRED_COLUMNS)
    return Header(columns=columns, separator=separator, attributes=attributes)


def read_rows(path: str) -> Iterator[LabelRow]:
    """Yields the rows of a label file in order; blank lines are no rows.

    UTF-8 with or without a byte order mark, any line ends, and commas, semicolons or tabs between the fields are read
    alike. A row with too few or too many fields is yielded with its `problem`, never dropped.

    Raises:
        BadInput: as `read_header`, and where a line is not UTF-8 or not CSV.
    """
    header = read_header(path)
    name_at = header.columns.index(features.FILE_NAME_COLUMN)
    age_at = header.columns.index(features.REAL_AGE_COLUMN)
    attributes_at = [header.columns.index(attribute) for attribute in header.attributes]
    # Strict, because the lenient reader takes a quotation mark without its partner for the beginning of a field that
    # holds all further rows.
    reader = csv.reader(_decoded_lines(path), delimiter=header.separator, strict=True)
    seen_header = False
    last_line = 0
    try:
        for fields in reader:
            last_line = reader.line_num
            if not seen_header:
                seen_header = any(field.strip() for field in fields)
                continue
            if not fields or not any(field.strip() for field in fields) and len(fields) == 1:
                continue
            if len(fields) != len(header.columns):
                yield LabelRow(
                    line=reader.line_num,
                    file_name=fields[name_at] if name_at < len(fields) else "",
                    age_text=fields[age_at] if age_at < len(fields) else "",
                    attributes=("",) * len(attributes_at),
                    problem=f"the row has {len(fields)} fields, the header has {len(header.columns)}",
                )
                continue
            yield LabelRow(
                line=reader.line_num,
                file_name=fields[name_at],
                age_text=fields[age_at],
                attributes=tuple(fields[index].strip() for index in attributes_at),
            )
    except csv.Error as error:
        raise BadInput(
            f"{path}, line {last_line + 1}: not a line of CSV: {error}. Look for a quotation mark without its partner "
            "(one inside a quoted name is written twice) or a damaged line."
        ) from error


def parse_age(text: str) -> Optional[float]:
    """Returns the age in years that `text` says, or None when it is not a plain finite number."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    age = float(stripped)
    return age if math.isfinite(age) else None

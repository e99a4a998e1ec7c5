"""Reads a label file (`labels.csv`) row by row, or in blocks by several workers, whatever program wrote it.

`pyarrow.csv` does not do it: it reads on to the next quotation mark where one has no partner and swallows the rows between,
and says no lines. Reading in blocks is for memory: one reader whose rows are dealt out is as fast on two cores
(docs/scaling.md, "Reading the label file").
"""

import contextlib
import csv
import dataclasses
import itertools
import math
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from age import storage
from schemas import features
from schemas.bad_input import BadInput

if TYPE_CHECKING:
    from _csv import Reader

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_SEPARATORS = (",", ";", "\t")
_PIECE = 1 << 20
BLOCK_BYTES = 8 << 20
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
        group: the field of the group column; empty where it is blank, or there is no such column.
    """

    line: int
    file_name: str
    age_text: str
    attributes: tuple[str, ...]
    problem: str | None = None
    group: str = ""


@dataclasses.dataclass(frozen=True)
class Header:
    """What the first line of a label file says.

    Attributes:
        columns: the names, stripped of surrounding blanks.
        separator: the character between fields.
        attributes: names of the optional columns. A column without a name (such as the index that pandas writes) is
            not one, nor is the group column.
        line: number of its line; those before it are blank.
        group_column: name of the column whose photographs stay together, or None.
    """

    columns: tuple[str, ...]
    separator: str
    attributes: tuple[str, ...]
    line: int
    group_column: str | None = None


def _lines_of(file: BinaryIO) -> Iterator[bytes]:
    """Yields the lines of an open file; CR alone ends one too (Excel's "CSV (Macintosh)")."""
    rest = b""
    while piece := file.read(_PIECE):
        lines = (rest + piece).splitlines(keepends=True)
        # The last may go on, and one that ends in CR may end in CRLF.
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        yield from lines
    if rest:
        yield rest


def _text(path: str, number: int, line: bytes) -> str:
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
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}, line {number}: byte {error.object[error.start]:#04x} is not UTF-8. Save the file again as UTF-8 CSV."
        ) from error


def _decoded_lines(path: str) -> Generator[str, None, None]:
    with storage.open_binary(path) as file:
        for number, line in enumerate(_lines_of(file), start=1):
            yield _text(path, number, line)


def _columns(line: str, separator: str) -> tuple[str, ...]:
    return tuple(column.strip() for column in next(csv.reader([line], delimiter=separator, strict=True)))


def _separator(line: str) -> str:
    """Returns the separator that shows the required columns, or else the most frequent one."""

    def shown(separator: str) -> int:
        try:
            return len(set(_REQUIRED_COLUMNS).intersection(_columns(line, separator)))
        except csv.Error:
            return 0

    return max(_SEPARATORS, key=lambda separator: (shown(separator), line.count(separator)))


def _check_header(where: str, columns: tuple[str, ...]) -> None:
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
            f"{where}: the column name {reserved[0]!r} is taken by a feature of the pipeline's own. Rename the column."
        )


def _check_group_column(where: str, columns: tuple[str, ...], group_column: str | None) -> None:
    if group_column is not None and group_column not in columns:
        found = ", ".join(repr(column) for column in columns)
        raise BadInput(
            f"{where}: no column {group_column!r} (data.group_column); the columns are {found}. Expected one that says for each "
            "photograph whom or what it belongs to: name one of these, or leave data.group_column out."
        )


def read_header(path: str, group_column: str | None = None) -> Header:
    """Reads the first line of a label file.

    Args:
        path: the label file.
        group_column: name of the column that says which photographs stay together, or None.

    Raises:
        BadInput: the file is missing, empty, not UTF-8, or its columns are not what a label file needs.
    """
    try:
        with contextlib.closing(_decoded_lines(path)) as lines:
            number, first = next(((number, line) for number, line in enumerate(lines, start=1) if line.strip()), (1, ""))
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
        raise BadInput(f"{where}: not a line of CSV: {error}. Look for a quotation mark without its partner.") from error
    _check_header(where, columns)
    _check_group_column(where, columns, group_column)
    attributes = tuple(
        column for column in columns if column and column not in (*_REQUIRED_COLUMNS, *features.CHANGE_COLUMNS, group_column)
    )
    return Header(columns=columns, separator=separator, attributes=attributes, line=number, group_column=group_column)


def read_rows(path: str) -> Iterator[LabelRow]:
    """Yields the rows of a label file in order; blank lines are no rows.

    UTF-8 with or without a byte order mark, any line ends, and commas, semicolons or tabs between the fields are read
    alike. A row with too few or too many fields is yielded with its `problem`, never dropped.

    Raises:
        BadInput: as `read_header`, and where a line is not UTF-8 or not CSV.
    """
    header = read_header(path)
    with contextlib.closing(_decoded_lines(path)) as lines:
        yield from _parse(path, header, lines)


def _csv_reader(header: Header, lines: Iterable[str]) -> "Reader":
    # Strict, because the lenient reader takes a quotation mark without its partner for the beginning of a field that
    # holds all further rows.
    return csv.reader(lines, delimiter=header.separator, strict=True)


def read_fields(path: str) -> Iterator[list[str]]:
    """Yields the fields of every row as they are written, those of the header first; blank lines are no rows.

    Raises:
        BadInput: as `read_rows`.
    """
    header = read_header(path)
    with contextlib.closing(_decoded_lines(path)) as lines:
        reader = _csv_reader(header, lines)
        try:
            yield from (fields for fields in reader if len(fields) > 1 or (fields and fields[0].strip()))
        except csv.Error as error:
            raise BadInput(f"{path}, line {reader.line_num}: not a line of CSV: {error}.") from error


def _row_maker(header: Header) -> Callable[[int, list[str]], LabelRow]:
    name_at = header.columns.index(features.FILE_NAME_COLUMN)
    age_at = header.columns.index(features.REAL_AGE_COLUMN)
    attributes_at = [header.columns.index(attribute) for attribute in header.attributes]
    group_at = None if header.group_column is None else header.columns.index(header.group_column)

    def to_row(line: int, fields: list[str]) -> LabelRow:
        if len(fields) != len(header.columns):
            return LabelRow(
                line=line,
                file_name=fields[name_at] if name_at < len(fields) else "",
                age_text=fields[age_at] if age_at < len(fields) else "",
                attributes=("",) * len(attributes_at),
                problem=f"the row has {len(fields)} fields, the header has {len(header.columns)}",
            )
        return LabelRow(
            line=line,
            file_name=fields[name_at],
            age_text=fields[age_at],
            attributes=tuple(fields[index].strip() for index in attributes_at),
            group="" if group_at is None else fields[group_at].strip(),
        )

    return to_row


def _parse(
    path: str,
    header: Header,
    lines: Iterable[str],
    before: int = 0,
    quoted: bool = False,
    done: Callable[[], bool] = lambda: False,
) -> Iterator[LabelRow]:
    """Yields the rows of `lines`.

    Args:
        path: the label file, for messages.
        header: its header.
        lines: lines of the file, to its end.
        before: number of lines before them.
        quoted: whether the first line begins inside a quoted field; what is left of that row is passed over.
        done: says, after a row, whether it was the last that is wanted.
    """
    if quoted:
        # One line too many for the reader: a quotation mark that opens the field.
        lines, before = itertools.chain(('"',), lines), before - 1
    to_row = _row_maker(header)
    reader = _csv_reader(header, lines)
    last_line = before
    try:
        for fields in reader:
            last_line = before + reader.line_num
            blank = not fields or (len(fields) == 1 and not fields[0].strip())
            if not quoted and not blank and last_line > header.line:
                yield to_row(last_line, fields)
            quoted = False
            if done():
                break
    except csv.Error as error:
        raise BadInput(
            f"{path}, line {last_line + 1}: not a line of CSV: {error}. Look for a quotation mark without its partner "
            "(one inside a quoted name is written twice) or a damaged line."
        ) from error


@dataclasses.dataclass(frozen=True)
class Block:
    """A piece of a label file: the lines that begin from byte `start` up to byte `end`."""

    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class BlockScan:
    """What one block says of the next.

    Attributes:
        lines: how many lines begin in it.
        ends_quoted: whether it ends inside a quoted field when it begins outside and inside of one; None where it is no
            CSV then.
    """

    lines: int
    ends_quoted: tuple[bool | None, bool | None]


def blocks(path: str, block_bytes: int = BLOCK_BYTES) -> list[Block]:
    """Cuts a label file into blocks; no byte of it is read."""
    size = storage.file_size(path)
    return [Block(start, min(start + block_bytes, size)) for start in range(0, size, block_bytes)]


def _lines_from(path: str, start: int) -> Generator[tuple[int, bytes], None, None]:
    """Yields the lines that begin at byte `start` or after it, each with where it begins."""
    with storage.open_binary(path) as file:
        # From the byte before: what ends there, or goes on from there, began earlier.
        position = max(start - 1, 0)
        file.seek(position)
        for line in _lines_of(file):
            if position >= start:
                yield position, line
            position += len(line)


def _ends_quoted(header: Header, lines: list[str], quoted: bool) -> bool | None:
    read = 0

    def counted() -> Iterator[str]:
        nonlocal read
        for line in ['"', *lines] if quoted else lines:
            yield line
            read += 1

    try:
        for _ in _csv_reader(header, counted()):
            pass
    except csv.Error:
        return True if read == len(lines) + quoted else None
    return False


def scan_block(path: str, header: Header, block: Block) -> BlockScan:
    """Finds out what must be known of a block before the next can be read."""
    with contextlib.closing(_lines_from(path, block.start)) as located:
        lines = [line for _, line in itertools.takewhile(lambda one: one[0] < block.end, located)]
    try:
        texts = [_text(path, number, line) for number, line in enumerate(lines, start=1 if block.start == 0 else 2)]
    except BadInput:
        return BlockScan(len(lines), (None, None))
    if not any('"' in text for text in texts):
        return BlockScan(len(lines), (False, True))
    return BlockScan(len(lines), (_ends_quoted(header, texts, False), _ends_quoted(header, texts, True)))


def read_block(path: str, header: Header, block: Block, earlier: Iterable[BlockScan]) -> Iterator[LabelRow]:
    """Yields the rows that begin in a block, as `read_rows` would: together, the blocks yield what it yields.

    Args:
        path: the label file.
        header: its header.
        block: one of its `blocks`.
        earlier: the scans of the blocks before it, in order.

    Raises:
        BadInput: as `read_rows`, wherever in the file the first bad line is among the blocks up to this one.
    """
    before, quoted = 0, False
    for scan in earlier:
        ends_quoted = scan.ends_quoted[quoted]
        if ends_quoted is None:
            # The reader of the whole file says which line it is.
            for _ in read_rows(path):
                pass
            raise BadInput(f"{path}: the file changed while it was read. Run again when it is whole.")
        before, quoted = before + scan.lines, ends_quoted
    position = block.start

    def texts(lines: Iterable[tuple[int, bytes]]) -> Iterator[str]:
        nonlocal position
        for number, (begin, line) in enumerate(lines, start=before + 1):
            position = begin + len(line)
            yield _text(path, number, line)

    with contextlib.closing(_lines_from(path, block.start)) as located:
        begin, first = next(located, (block.end, b""))
        if begin >= block.end:
            return
        lines = itertools.chain(((begin, first),), located)
        yield from _parse(path, header, texts(lines), before, quoted, lambda: position >= block.end)


def parse_age(text: str) -> float | None:
    """Returns the age in years that `text` says, or None when it is not a plain finite number."""
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    age = float(stripped)
    return age if math.isfinite(age) else None

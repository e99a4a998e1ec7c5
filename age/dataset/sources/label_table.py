"""Reads the label files of downloaded data sets, CSV with a header."""

import csv
from collections.abc import Iterator, Sequence

from schemas.bad_input import BadInput


def read(path: str, columns: Sequence[str], data_set: str) -> Iterator[dict[str, str]]:
    """Yields the rows of a label file as dictionaries of the columns asked for.

    Args:
        path: the label file.
        columns: those that are wanted.
        data_set: whose it is, for messages.

    Raises:
        BadInput: it is no CSV file in UTF-8, or lacks a column.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="")
            header = [column.strip() for column in reader.fieldnames or ()]
            reader.fieldnames = header
            missing = [column for column in columns if column not in header]
            if missing:
                raise BadInput(
                    f"{path}, line 1: no column {', '.join(map(repr, missing))}; the columns are "
                    f"{', '.join(map(repr, header)) or 'none'}. Expected the file as {data_set}'s archive has it."
                )
            for row in reader:
                yield {column: row[column] for column in columns}
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8: {error}. Unpack the archive again.") from error

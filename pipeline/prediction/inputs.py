"""Finds the photographs that `predict` is asked about: images, folders of them, lists, and names on standard input."""

import csv
import dataclasses
import os
import sys
from collections.abc import Iterable, Iterator

from age import storage
from age.dataset import image_folder
from schemas import features
from schemas.bad_input import BadInput

STANDARD_INPUT = "-"
_LIST_ENDING = ".csv"
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")
_SEPARATORS = (",", ";", "\t")


@dataclasses.dataclass(frozen=True)
class Photograph:
    """A photograph that is asked about.

    Attributes:
        file_name: what it is called in the answer.
        path: where it lies; empty for one that a list names.
        below: the directory that it must not lead out of, by whatever links; None for anywhere.
        problem: why it is not even looked for; empty where it is.
    """

    file_name: str
    path: str = ""
    below: str | None = None
    problem: str = ""

    def read(self) -> bytes:
        """Returns its bytes.

        Raises:
            OSError: it can't be read.
        """
        if self.problem:
            raise OSError(0, self.problem)
        if self.path:
            below = None if self.below is None else (self.below,)
            return storage.read_plain_file(self.path, image_folder.LARGEST_FILE, below)
        try:
            return image_folder.read_image(self.below or "", self.file_name)
        except FileNotFoundError as error:
            raise FileNotFoundError(error.errno or 0, "no such file beside the list") from error


def printable(name: str) -> str:
    """Returns a name as text that every file can hold: bytes of it that are not UTF-8 are spelled out, such as `\\udcff`."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def photographs(arguments: Iterable[str]) -> Iterator[Photograph]:
    """Yields the photographs that the arguments stand for, in order; nothing is read of them.

    Args:
        arguments: paths of images; directories, of which all JPEG and PNG files at any depth count, by their endings; files
            `*.csv` with a column `file_name`; and `-` for paths on standard input, one a line.

    Raises:
        BadInput: a list is missing or is none.
    """
    for argument in arguments:
        if argument == STANDARD_INPUT:
            yield from _from_standard_input()
        elif storage.is_directory(argument):
            yield from _from_directory(argument)
        elif argument.lower().endswith(_LIST_ENDING):
            yield from _from_list(argument)
        else:
            yield Photograph(printable(argument), argument)


def count(arguments: list[str]) -> int | None:
    """Returns how many photographs the arguments stand for, or None where standard input is among them.

    Raises:
        BadInput: as `photographs`, and where there is none.
    """
    if STANDARD_INPUT in arguments:
        return None
    number = sum(1 for _ in photographs(arguments))
    if not number:
        raise BadInput(
            f"{', '.join(arguments)}: there is no photograph. Expected images, a directory with files that end in "
            f"{', '.join(IMAGE_ENDINGS)}, or a CSV file with a column {features.FILE_NAME_COLUMN!r} and a row for each."
        )
    return number


def listed(directory: str, name: str) -> Photograph:
    """Returns the photograph of a directory that a list there names, as a label file does."""
    return Photograph(printable(name), below=directory, problem=image_folder.unsafe_reason(name) or "")


def _from_standard_input() -> Iterator[Photograph]:
    for line in sys.stdin.buffer:
        name = os.fsdecode(line.rstrip(b"\r\n"))
        if name:
            yield Photograph(printable(name), name)


def _from_directory(directory: str) -> Iterator[Photograph]:
    if storage.is_remote(directory):
        for name in storage.list_tree(directory):
            if _is_image(name):
                yield Photograph(printable(storage.join(directory, name)), storage.join(directory, name))
        return
    below = os.path.realpath(directory)
    for folder, folders, names in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if _is_image(name):
                path = os.path.join(folder, name)
                yield Photograph(printable(path), path, below)


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_ENDINGS) and not os.path.basename(name).startswith(".")


def _from_list(path: str) -> Iterator[Photograph]:
    """Yields what a list names: like a label file's, its names are relative to it and stay below its directory."""
    directory = os.path.dirname(path) or "."
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip()), "")
            separator = max(_SEPARATORS, key=first.count)
            columns = [column.strip() for column in next(csv.reader([first], delimiter=separator), [])]
            if features.FILE_NAME_COLUMN not in columns:
                raise BadInput(
                    f"{path}: no column {features.FILE_NAME_COLUMN!r}; the columns are {', '.join(map(repr, columns)) or 'none'}. "
                    "Expected a CSV file whose first line names its columns."
                )
            place = columns.index(features.FILE_NAME_COLUMN)
            reader = csv.reader(file, delimiter=separator, strict=True)
            for fields in reader:
                if not any(map(str.strip, fields)):
                    continue
                yield listed(directory, fields[place] if place < len(fields) else "")
    except FileNotFoundError as error:
        raise BadInput(f"{path}: there is no such list. Expected a CSV file with a column 'file_name'.") from error
    except OSError as error:
        raise BadInput(f"{path}: the list can't be read: {error.strerror or error}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{path}: not a CSV file in UTF-8: {error}. Save it again as UTF-8 CSV.") from error

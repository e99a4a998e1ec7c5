"""Lays out pictures and their ages as an input directory of the pipeline, for the importers of known data sets."""

import csv
import dataclasses
import filecmp
import io
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence

from age import storage
from schemas import features
from schemas.bad_input import BadInput

IMAGE_FOLDER = "final_files"

PERSON_COLUMN = "person_id"
"""Attribute column that says whose photograph it is, for `data.group_column`."""

_NAMES_TOLD = 10
_SUFFIXES = (".jpg", ".jpeg", ".png")
_JPEG_MAGIC = b"\xff\xd8\xff"


@dataclasses.dataclass(frozen=True)
class Picture:
    """One picture of a data set.

    Attributes:
        path: where it is now.
        folder: the name of the part of the data set that it comes from; tells two pictures of one name apart.
        real_age: as the data set says it.
        attributes: value by attribute column; a column that is not in it stays blank.
    """

    path: str
    folder: str
    real_age: str
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Something of a data set that did not become a row: its name, relative to the data set, and why."""

    name: str
    reason: str


@dataclasses.dataclass(frozen=True)
class ImportSummary:
    """What an importer did.

    Attributes:
        destination: the directory written.
        rows: rows in its label file.
        linked: pictures that share their bytes with the data set (hard links).
        copied: pictures that had to be copied, such as onto another disk.
        whole_photos: rows whose picture is a whole photograph because the data set has no crop of the face.
        left_out: what did not become a row.
    """

    destination: str
    rows: int
    linked: int
    copied: int
    whole_photos: int = 0
    left_out: tuple[LeftOut, ...] = ()

    def __str__(self) -> str:
        """Returns the summary for a person: a line for what was done and one for each reason for leaving out."""
        lines = [f"{self.destination}: {self.rows} rows; {self.linked} pictures linked, {self.copied} copied."]
        if self.whole_photos:
            lines.append(f"{self.whole_photos} of them are whole photographs, for want of a crop of the face.")
        by_reason: dict[str, list[str]] = {}
        for item in self.left_out:
            by_reason.setdefault(item.reason, []).append(item.name)
        for reason, names in by_reason.items():
            more = f" and {len(names) - _NAMES_TOLD} more" if len(names) > _NAMES_TOLD else ""
            lines.append(f"Left out {len(names)}, {reason}: {', '.join(names[:_NAMES_TOLD])}{more}.")
        # Names that are not UTF-8 must not keep the rest from being printed.
        return "\n".join(lines).encode("utf-8", "backslashreplace").decode("utf-8")


def check_ends(source: str, destination: str) -> None:
    """Checks where an import reads and writes, before anything is done.

    Raises:
        BadInput: the source is no directory, or the destination holds a label file already.
    """
    if not os.path.isdir(source):
        found = "a file" if os.path.lexists(source) else "nothing"
        raise BadInput(f"{source}: there is {found} here; expected the folder of the downloaded data set.")
    if os.path.lexists(destination) and not os.path.isdir(destination):
        raise BadInput(f"{destination}: this is a file; name a directory to write the data set to.")
    label_path = os.path.join(destination, features.LABEL_FILE)
    if os.path.lexists(label_path):
        raise BadInput(
            f"{label_path}: there is a label file already, and it would be overwritten. Name another directory, or "
            "remove the file first."
        )


@dataclasses.dataclass(frozen=True)
class NameLabels:
    """What a file's name says of the person on it: `real_age` in years as written, and a value by attribute column."""

    real_age: str
    attributes: Mapping[str, str]


def import_by_names(
    source: str,
    destination: str,
    read_name: Callable[[str], NameLabels | None],
    attributes: Sequence[str],
    expected: str,
) -> ImportSummary:
    """Imports a data set that says everything in its files' names; rows are in the order of the files' paths.

    Args:
        source: the folder, flat or with subfolders.
        destination: a directory without a label file; it may be the source itself or lie in it.
        read_name: returns what a name (without folders) says, or None where it says no age.
        attributes: names of the attribute columns.
        expected: the kind of name that was expected, for messages, such as `001A02.JPG`.

    Raises:
        BadInput: the source has no picture with such a name, or the destination can't be used.
    """
    check_ends(source, destination)
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    found = files(source, destination)
    for folder, name in found:
        path, relative_path = os.path.join(source, folder, name), os.path.join(folder, name)
        labels = read_name(name) if is_picture(path) else None
        if labels is not None:
            pictures.append(Picture(path, folder, labels.real_age, labels.attributes))
        elif is_picture(path):
            left_out.append(LeftOut(relative_path, f"its name is not of the kind {expected}"))
        else:
            left_out.append(LeftOut(relative_path, "not a picture"))
    if not pictures:
        raise no_such_names(source, found, expected)
    return write(destination, pictures, attributes, left_out)


def no_such_names(source: str, found: Sequence[tuple[str, str]], expected: str) -> BadInput:
    """Returns what to say of a folder none of whose pictures is named as those of the data set are."""
    shown = ", ".join(os.path.join(*file) for file in found[:3]) if found else "no files"
    shown += ", …" if len(found) > 3 else ""
    return BadInput(
        f"{source}: no picture here is named as the data set's are (found: {shown}). Expected names such as {expected}, here or "
        "in subfolders."
    )


def write(
    destination: str, pictures: Iterable[Picture], attributes: Sequence[str], left_out: Sequence[LeftOut] = ()
) -> ImportSummary:
    """Writes `labels.csv` and `final_files/`.

    Pictures become hard links where the file system allows it, and copies elsewhere; a link in the data set is
    followed. They keep their names; where two differ and have one name, the later one gets its folder's name in front.
    Of two pictures with the same name, the same bytes and the same age the first is kept. An import that was
    interrupted can be run again.

    Args:
        destination: a directory without a label file; made if it does not exist.
        pictures: in the order of the rows.
        attributes: names of the attribute columns.
        left_out: what the importer has left out so far.

    Raises:
        BadInput: a picture's place is taken by another file, the destination can't be written, or no picture could be
            read.
    """
    folder = os.path.join(destination, IMAGE_FOLDER)
    os.makedirs(folder, exist_ok=True)
    left_out = list(left_out)
    placed: dict[str, Picture] = {}
    counts = {"linked": 0, "copied": 0}
    text = io.StringIO()
    labels = csv.writer(text, lineterminator="\n")
    labels.writerow([features.FILE_NAME_COLUMN, features.REAL_AGE_COLUMN, *attributes])
    rows = 0
    for picture in pictures:
        name = os.path.basename(picture.path)
        relative_path = os.path.join(picture.folder, name)
        try:
            name.encode("utf-8")
            if name in placed and _is_same(placed[name], picture):
                left_out.append(LeftOut(relative_path, "an exact copy of a picture of the same name"))
                continue
            name = _free_name(name, picture, placed)
            if name not in placed:
                counts[_link_or_copy(os.path.realpath(picture.path), os.path.join(folder, name))] += 1
        except UnicodeEncodeError:
            left_out.append(LeftOut(relative_path, "the name is not UTF-8"))
            continue
        except FileNotFoundError:
            left_out.append(LeftOut(relative_path, "the file is missing, or a link that leads nowhere"))
            continue
        except PermissionError as error:
            if os.path.dirname(str(error.filename)) == folder:
                raise BadInput(f"{folder}: writing here is not permitted. Name another directory.") from error
            left_out.append(LeftOut(relative_path, "reading it is not permitted"))
            continue
        placed.setdefault(name, picture)
        labels.writerow([name, picture.real_age, *(picture.attributes.get(column, "") for column in attributes)])
        rows += 1
    if not rows:
        raise BadInput(
            f"{destination}: nothing was written, for none of the {len(left_out)} pictures could be used; the first, "
            f"{left_out[0].name!a}: {left_out[0].reason}."
        )
    # Last: a directory with a label file is a complete set.
    storage.write_text(os.path.join(destination, features.LABEL_FILE), text.getvalue())
    return ImportSummary(destination=destination, rows=rows, left_out=tuple(left_out), **counts)


def _is_same(first: Picture, second: Picture) -> bool:
    """Whether two pictures of one name, in two folders, are one: the same bytes and the same age."""
    return (
        first.path != second.path and first.real_age == second.real_age and filecmp.cmp(first.path, second.path, shallow=False)
    )


def _free_name(name: str, picture: Picture, placed: Mapping[str, Picture]) -> str:
    """Returns a name that no other file has; a second row about the same file gets the same name."""
    candidate, number = name, 1
    while candidate in placed and placed[candidate].path != picture.path:
        prefix = picture.folder.replace(os.sep, "_") or "other"
        candidate = f"{prefix}_{name}" if number == 1 else f"{prefix}_{number}_{name}"
        number += 1
    return candidate


def _link_or_copy(source: str, target: str) -> str:
    """Puts the bytes of `source` at `target`; returns `linked` or `copied`."""
    if os.path.lexists(target):
        if os.path.samefile(source, target):
            return "linked"
        if not os.path.islink(target) and filecmp.cmp(source, target, shallow=False):
            return "copied"
        raise BadInput(
            f"{target}: another file is in this place, which belongs to {source}. Name an empty directory, or remove it."
        )
    try:
        os.link(source, target)
        return "linked"
    except FileNotFoundError:
        raise
    except OSError:
        # Another disk, a file system without hard links, or a file of somebody else's that must not be linked.
        unfinished = f"{target}.unfinished"
        shutil.copyfile(source, unfinished)
        os.replace(unfinished, target)
        return "copied"


def files(source: str, destination: str) -> list[tuple[str, str]]:
    """Lists folder (relative to the source) and name of every file, in order, without what an import has written."""
    written = os.path.realpath(os.path.join(destination, IMAGE_FOLDER))
    found: list[tuple[str, str]] = []
    seen = set()
    for folder, subfolders, names in os.walk(source, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen or (real == written and folder != source):
            subfolders.clear()
            continue
        seen.add(real)
        relative = os.path.relpath(folder, source)
        found.extend(("" if relative == os.curdir else relative, name) for name in names)
    return sorted(found)


def is_picture(path: str) -> bool:
    """Whether a file is a JPEG or PNG file, by its name or, without one that says so, by its first bytes."""
    name = os.path.basename(path)
    if name.startswith("."):
        # macOS packs a `._` file beside each file, with the same name and suffix and no picture in it.
        return False
    if name.lower().endswith(_SUFFIXES):
        return True
    try:
        with open(path, "rb") as file:
            return file.read(len(_JPEG_MAGIC)) == _JPEG_MAGIC
    except OSError:
        return False

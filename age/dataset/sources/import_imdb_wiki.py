"""Turns a part of IMDB-WIKI into an input directory of the pipeline.

IMDB-WIKI (Rothe, Timofte and Van Gool, IJCV 2018; 460,723 photographs from IMDb and 62,328 from Wikipedia) comes in two parts, each with a
MATLAB file of its own, `imdb.mat` or `wiki.mat`: `dob` (MATLAB's day number of the birth), `photo_taken` (year), `full_path`, `gender` (0
female, 1 male, NaN unknown), `name`, `face_score` (-inf where no face was found), `second_face_score` (NaN where there is no second
one), and in `imdb.mat` `celeb_id`. Photographs are taken to be of the middle of their year, as its authors do.
"""

import datetime
import math
import os
from collections.abc import Iterator
from typing import NamedTuple

from age.dataset import image_folder
from age.dataset.sources import dataset_folder
from age.dataset.sources.dataset_folder import PERSON_COLUMN, ImportSummary, LeftOut, Picture
from schemas.bad_input import BadInput

PARTS = ("imdb", "wiki")
ATTRIBUTES = ("gender", PERSON_COLUMN)
GENDERS = {0.0: "female", 1.0: "male"}

_FIELDS = ("dob", "photo_taken", "full_path", "gender", "name", "face_score", "second_face_score")
# MATLAB counts days from a year 0 of 366 days, Python from the year 1.
_DAYS_OF_YEAR_ZERO = 366
_MIDDLE_OF_THE_YEAR = 7


class _Entry(NamedTuple):
    """What the file says of one photograph."""

    path: str
    birth: float
    taken: int
    gender: float
    person: str
    face_score: float
    second_face_score: float


def age_of(birth: float, taken: int) -> int | None:
    """Returns the whole years that somebody has lived in the middle of a year.

    Args:
        birth: MATLAB's day number.
        taken: the year.

    Returns:
        The age, or None where the number is no day of the calendar.

    Example:
        >>> age_of(723674.0, 2009)  # born on the 8th of May 1981
        28
    """
    if not math.isfinite(birth):
        return None
    try:
        born = datetime.date.fromordinal(int(birth) - _DAYS_OF_YEAR_ZERO)
    except (ValueError, OverflowError):
        return None
    return taken - born.year - (born.month >= _MIDDLE_OF_THE_YEAR)


def import_imdb_wiki(source: str, destination: str) -> ImportSummary:
    """Turns a part of IMDB-WIKI into `labels.csv` (`file_name,real_age,gender,person_id`) and `final_files/`.

    Left out are photographs without a face or with several, of which nobody knows whose age it is. `person_id` is `celeb_id` in
    the part from IMDb, and the name in that from Wikipedia.

    Args:
        source: the folder with `imdb.mat` or `wiki.mat`, such as `imdb_crop` or `wiki`.
        destination: a directory without a label file; it may be the source itself or lie in it.

    Returns:
        What was done, and every photograph that was left out with the reason.

    Raises:
        BadInput: the source is no such part, or the destination can't be used.
    """
    dataset_folder.check_ends(source, destination)
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    for entry in _entries(source):
        age, path = age_of(entry.birth, entry.taken), os.path.join(source, entry.path)
        reason = _why_not(entry, age, path)
        if reason:
            left_out.append(LeftOut(entry.path, reason))
        else:
            attributes = {"gender": GENDERS.get(entry.gender, ""), PERSON_COLUMN: entry.person}
            pictures.append(Picture(path, os.path.dirname(entry.path), str(age), attributes))
    if not pictures:
        first = f"; the first, {left_out[0].name!a}: {left_out[0].reason}" if left_out else ""
        raise BadInput(
            f"{source}: none of its {len(left_out)} photographs can be used{first}. Was the archive unpacked whole?"
        )
    return dataset_folder.write(destination, pictures, ATTRIBUTES, left_out)


def _why_not(entry: _Entry, age: int | None, path: str) -> str:
    if image_folder.unsafe_reason(entry.path):
        return "it names no file of the folder"
    if age is None:
        return "its date of birth is none"
    if entry.face_score == -math.inf:
        return "no face was found"
    if not math.isnan(entry.second_face_score):
        return "several faces were found"
    return "" if os.path.isfile(path) else "there is no such photograph"


def _entries(source: str) -> Iterator[_Entry]:
    import numpy as np
    import scipy.io

    part = next((part for part in PARTS if os.path.isfile(os.path.join(source, f"{part}.mat"))), None)
    if part is None:
        raise BadInput(
            f"{source}: this is no part of IMDB-WIKI. Expected imdb.mat or wiki.mat here, as its archives have them."
        )
    path = os.path.join(source, f"{part}.mat")
    try:
        content = scipy.io.loadmat(path, squeeze_me=True, variable_names=[part])
        table = content[part]
        columns = {name: np.atleast_1d(table[name].item()) for name in _FIELDS}
        persons = np.atleast_1d(table["celeb_id"].item()) if "celeb_id" in table.dtype.names else columns["name"]
        rows = list(zip(*(columns[name] for name in _FIELDS), persons, strict=True))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        NotImplementedError,
        OSError,
        scipy.io.matlab.MatReadError,
    ) as error:
        raise BadInput(
            f"{path}: not a MATLAB file with {part!r} and its fields {', '.join(_FIELDS)}: {error}. Unpack the archive again."
        ) from error
    for row in rows:
        birth, taken, file, gender, _, face_score, second_face_score, person = row
        # A name may be missing, which MATLAB writes as an empty array.
        said = str(person).strip() if np.ndim(person) == 0 else ""
        yield _Entry(str(file), float(birth), int(taken), float(gender), said, float(face_score), float(second_face_score))

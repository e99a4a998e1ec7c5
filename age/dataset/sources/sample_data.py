"""Writes the demo's data set: drawn faces with ages, in the pipeline's input form."""

import csv
import dataclasses
import hashlib
import io
import json
import os
import random
from typing import TypedDict

from age import storage
from age.dataset.sources import drawn_faces
from schemas import features
from schemas.bad_input import BadInput

IMAGE_FOLDER = "final_files"
MARKER_FILE = "sample_data.json"
MIN_AGE, MAX_AGE = 1, 90
"""Ages that are drawn, years."""

_VERSION = 1
"""Goes up whenever the same parameters give other files, so that an old set is not taken for a new one."""
_JPEG_QUALITY = 90
_NOT_A_NUMBER = "forty-two"


@dataclasses.dataclass
class _Row:
    """A row of the set: what the label file says of a picture, and how that is drawn."""

    file_name: str
    real_age: str
    gender: str
    backdrop: str
    age: int
    drawn_as: int
    missing: bool = False
    cut_off: bool = False


class _Marker(TypedDict):
    """What `MARKER_FILE` says: the arguments that the set was drawn with, and what came of them."""

    count: int
    image_size: int
    seed: int
    version: int
    labels_sha256: str


def write_sample_data(directory: str, count: int = 1500, image_size: int = 64, seed: int = 0) -> None:
    """Writes a set of drawn faces: `labels.csv` and `final_files/face_00000.jpg …`.

    The same arguments give the same files. Ages are whole years from 1 to 90, evenly spread; the attribute columns are
    `gender` and `backdrop`. A set of more than 400 rows has one of each of these faults, as real sets do; smaller ones
    have the first few of them, so that less than 1% of the rows are faulty:

    1. an image that is missing,
    2. an age that is not a number,
    3. a JPEG file that is cut off,
    4. an exact copy of another row's image, with the same age, under another name.

    A directory that already holds this very set is left as it is.

    Args:
        directory: where to write; made if it does not exist.
        count: rows in `labels.csv`, at least 1.
        image_size: side of the pictures, 16 to 1024 pixels.
        seed: another number gives other faces.

    Raises:
        BadInput: an argument is out of range, or the directory holds something else.
    """
    if count < 1:
        raise BadInput(f"A sample data set of {count} rows can't be written; ask for at least 1.")
    if not 16 <= image_size <= 1024:
        raise BadInput(f"Sample images of {image_size} pixels can't be drawn; ask for 16 to 1024.")
    rows = _rows(count, seed)
    labels = _label_file(rows)
    marker: _Marker = {
        "count": count,
        "image_size": image_size,
        "seed": seed,
        "version": _VERSION,
        "labels_sha256": hashlib.sha256(labels.encode()).hexdigest(),
    }
    if _is_written(directory, marker):
        return
    os.makedirs(os.path.join(directory, IMAGE_FOLDER), exist_ok=True)
    storage.write_text(os.path.join(directory, MARKER_FILE), json.dumps(marker, indent=2) + "\n")
    for row in rows:
        if not row.missing:
            with open(os.path.join(directory, IMAGE_FOLDER, row.file_name), "wb") as file:
                file.write(_image(row, image_size, seed))
    # Last: a directory with a label file is a complete set.
    storage.write_text(os.path.join(directory, features.LABEL_FILE), labels)


def _is_written(directory: str, marker: _Marker) -> bool:
    """Whether the directory holds this very set already; raises BadInput when it holds something else."""
    if os.path.lexists(directory) and not os.path.isdir(directory):
        raise BadInput(f"{directory}: this is a file; name a directory for the sample data.")
    label_path = os.path.join(directory, features.LABEL_FILE)
    found = _read_marker(os.path.join(directory, MARKER_FILE))
    advice = "Name another directory, or remove this one first."
    if found is None:
        for name in (features.LABEL_FILE, IMAGE_FOLDER):
            if os.path.lexists(os.path.join(directory, name)):
                raise BadInput(
                    f"{directory}: there is a {name} that was not written as sample data, and it would be overwritten. "
                    f"{advice}"
                )
        return False
    if found != marker:
        raise BadInput(
            f"{directory}: there is sample data with other parameters ({_parameters_in_words(found)}; asked for: "
            f"{_parameters_in_words(marker)}). {advice}"
        )
    if not os.path.lexists(label_path):
        return False
    with open(label_path, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != marker["labels_sha256"]:
            raise BadInput(
                f"{label_path}: the label file was changed after it was written as sample data, and the changes would "
                f"be lost. {advice}"
            )
    return True


def _read_marker(path: str) -> object:
    """Returns what the marker file says, or None when there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as file:
            said: object = json.load(file)
            return said
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _parameters_in_words(marker: object) -> str:
    if not isinstance(marker, dict):
        return "none that can be read"
    return ", ".join(f"{name} {marker.get(name)}" for name in ("count", "image_size", "seed", "version"))


def _rows(count: int, seed: int) -> list[_Row]:
    """Plans the set: one entry a row, with the faults dealt out."""
    rng = random.Random(f"rows {seed}")
    # Even coverage of all ages whatever the count, in random order.
    ages = [MIN_AGE + index * (MAX_AGE - MIN_AGE + 1) // count for index in range(count)]
    rng.shuffle(ages)
    backdrops = sorted(drawn_faces.BACKDROPS)
    rows = []
    for index, age in enumerate(ages):
        rows.append(
            _Row(
                file_name=f"face_{index:05}.jpg",
                real_age=str(age),
                gender=rng.choice(drawn_faces.GENDERS),
                backdrop=rng.choice(backdrops),
                age=age,
                drawn_as=index,
            )
        )
    faults = min(4, (count - 1) // 100)
    at = rng.sample(range(count), 5 if faults else 0)
    if faults >= 1:
        rows[at[0]].missing = True
    if faults >= 2:
        rows[at[1]].real_age = _NOT_A_NUMBER
    if faults >= 3:
        rows[at[2]].cut_off = True
    if faults >= 4:
        rows[at[3]] = dataclasses.replace(rows[at[4]], file_name=rows[at[3]].file_name)
    return rows


def _label_file(rows: list[_Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((features.FILE_NAME_COLUMN, features.REAL_AGE_COLUMN, "gender", "backdrop"))
    writer.writerows((row.file_name, row.real_age, row.gender, row.backdrop) for row in rows)
    return text.getvalue()


def _image(row: _Row, image_size: int, seed: int) -> bytes:
    """Draws one row's picture and returns its file's bytes."""
    rng = random.Random(f"face {seed} {row.drawn_as}")
    # Somebody of 40 is anything from just 40 to almost 41.
    face = drawn_faces.draw_face(rng, row.age + rng.random(), row.gender, row.backdrop, image_size)
    encoded = io.BytesIO()
    face.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    content = encoded.getvalue()
    return content[: len(content) // 3] if row.cut_off else content

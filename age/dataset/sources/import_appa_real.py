"""Turns the downloaded APPA-REAL release into an input directory of the pipeline.

APPA-REAL (Agustsson et al., FG 2017; https://chalearnlap.cvc.uab.cat/dataset/26/description/): 7,591 photographs in
`train/`, `valid/` and `test/`, each `X.jpg` with a crop of the face `X.jpg_face.jpg`, and one label file a part,
`gt_avg_train.csv` and so on (`file_name,num_ratings,apparent_age_avg,apparent_age_std,real_age`). A separate archive,
`allcategories_trainvalidtest_split`, adds `allcategories_train.csv` and so on
(`file,gender,race,makeup,time,happiness`).
"""

import dataclasses
import os

from age.dataset.sources import dataset_folder, label_table
from age.dataset.sources.dataset_folder import ImportSummary, LeftOut, Picture
from schemas.bad_input import BadInput

PARTS = ("train", "valid", "test")
ATTRIBUTES = ("gender", "ethnicity")

_RELEASE_FOLDER = "appa-real-release"
_CATEGORIES_FOLDER = "allcategories_trainvalidtest_split"
_CATEGORY_COLUMNS = ("file", "gender", "race")
_FACE_SUFFIX = "_face.jpg"


def import_appa_real(source: str, destination: str) -> ImportSummary:
    """Turns the APPA-REAL release into `labels.csv` and `final_files/`.

    The age is the real one. The crop of the face is used where the release has it, else the whole photograph. Where
    there are `allcategories_*.csv` files (in the release's folder, or in `allcategories_trainvalidtest_split` in or
    beside it), their columns gender and race become the attributes `gender` and `ethnicity`. Rows keep the release's
    order: train, valid, test. The parts themselves are not kept: the pipeline splits by content.

    Args:
        source: the folder `appa-real-release`, or the one that it is in.
        destination: a directory without a label file; it may be the source itself or lie in it.

    Returns:
        What was done, and every row that was left out with the reason.

    Raises:
        BadInput: the source is not such a release, or the destination can't be used.
    """
    dataset_folder.check_ends(source, destination)
    release = _release(source)
    categories = _categories(release)
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    whole_photos = 0
    for part in PARTS:
        label_path = os.path.join(release, _label_file(part))
        if not os.path.exists(label_path):
            left_out.append(LeftOut(part, f"the release has no {_label_file(part)}"))
            continue
        for row in label_table.read(label_path, ("file_name", "real_age"), "APPA-REAL"):
            name = row["file_name"].strip()
            photo = os.path.join(release, part, name)
            if not name or os.path.basename(name) != name:
                left_out.append(LeftOut(f"{part}/{name}", "the row names no file of its folder"))
                continue
            path = photo + _FACE_SUFFIX
            if not os.path.isfile(path):
                path = photo
                if not os.path.isfile(path):
                    left_out.append(LeftOut(f"{part}/{name}", "there is neither a crop of the face nor a photograph"))
                    continue
                whole_photos += 1
            pictures.append(Picture(path, part, row["real_age"].strip(), categories.get((part, name), {})))
    if not pictures:
        raise BadInput(
            f"{release}: the label files name {len(left_out)} pictures and none of them is there. Expected them in "
            f"{', '.join(part + '/' for part in PARTS)} beside the label files; was the archive unpacked whole?"
        )
    summary = dataset_folder.write(destination, pictures, ATTRIBUTES if categories else (), left_out)
    return dataclasses.replace(summary, whole_photos=whole_photos)


def _label_file(part: str) -> str:
    return f"gt_avg_{part}.csv"


def _release(source: str) -> str:
    """Returns the folder that holds the release's label files: the source, or the release's own folder in it."""
    for folder in (source, os.path.join(source, _RELEASE_FOLDER)):
        if any(os.path.exists(os.path.join(folder, _label_file(part))) for part in PARTS):
            return folder
    raise BadInput(
        f"{source}: this is no APPA-REAL release. Expected {', '.join(_label_file(part) for part in PARTS)} here or in "
        f"{_RELEASE_FOLDER}/, as the archive has them."
    )


def _categories(release: str) -> dict[tuple[str, str], dict[str, str]]:
    """Returns the attributes by part and file name; nothing when the release came without."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    beside = os.path.join(os.path.dirname(os.path.abspath(release)), _CATEGORIES_FOLDER)
    for folder in (release, os.path.join(release, _CATEGORIES_FOLDER), beside):
        for part in PARTS:
            path = os.path.join(folder, f"allcategories_{part}.csv")
            if os.path.exists(path):
                for row in label_table.read(path, _CATEGORY_COLUMNS, "APPA-REAL"):
                    file, gender, race = (row[column].strip() for column in _CATEGORY_COLUMNS)
                    found.setdefault((part, file), {"gender": gender.lower(), "ethnicity": race.lower()})
    return found

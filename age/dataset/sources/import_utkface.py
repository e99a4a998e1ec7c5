"""Turns a downloaded UTKFace folder into an input directory of the pipeline.

UTKFace (Zhang, Song and Qi, CVPR 2017; https://susanqq.github.io/UTKFace/) says everything in its file names:
`AGE_GENDER_RACE_DATE.jpg` for photographs and `AGE_GENDER_RACE_DATE.jpg.chip.jpg` for aligned crops of the face.
"""

import os
import re

from age.dataset.sources import dataset_folder
from age.dataset.sources.dataset_folder import ImportSummary, LeftOut, Picture
from schemas.bad_input import BadInput

ATTRIBUTES = ("gender", "ethnicity")
GENDERS = {"0": "male", "1": "female"}
ETHNICITIES = {"0": "white", "1": "black", "2": "asian", "3": "indian", "4": "other"}

_CROP = ".chip.jpg"
# Whatever follows the date is left alone: the real names have a space there, lack a dot, or end in `.pg`.
_NAME = re.compile(r"(?P<age>\d{1,3})_(?P<codes>(?:\d?_){0,2})\d{8}", re.ASCII)


def read_name(name: str) -> tuple[int, dict[str, str]] | None:
    """Reads age and attributes from one of UTKFace's file names.

    Args:
        name: without folders, such as `26_1_2_20170104022229597.jpg.chip.jpg`.

    Returns:
        The age in years and the attributes that the name says, or None when it says no age.

    Example:
        >>> read_name("26_1_2_20170104022229597.jpg.chip.jpg")
        (26, {'gender': 'female', 'ethnicity': 'asian'})
        >>> read_name("39_1_20170116174525125.jpg.chip.jpg")
        (39, {'gender': 'female'})
    """
    match = _NAME.match(name)
    if match is None:
        return None
    codes = match["codes"].split("_")[:-1]
    if len(codes) == 1 and codes[0] not in GENDERS:
        # A lone code of 2 and more can be no gender.
        codes = ["", *codes]
    attributes = {}
    for attribute, words, code in zip(ATTRIBUTES, (GENDERS, ETHNICITIES), codes):
        if code in words:
            attributes[attribute] = words[code]
    return int(match["age"]), attributes


def import_utkface(source: str, destination: str) -> ImportSummary:
    """Turns a UTKFace folder into `labels.csv` (`file_name,real_age,gender,ethnicity`) and `final_files/`.

    What a name does not say of gender or ethnicity stays blank. Where the folder has both a photograph and the crop of
    the face from it, the crop is used. Rows are in the order of the files' paths.

    Args:
        source: the folder, flat or with subfolders such as `part1` to `part3`, `crop_part1` or `UTKFace`.
        destination: a directory without a label file; it may be the source itself or lie in it.

    Returns:
        What was done, and every file that was left out with the reason.

    Raises:
        BadInput: the source has no picture with UTKFace's kind of name, or the destination can't be used.
    """
    dataset_folder.check_ends(source, destination)
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    files = dataset_folder.files(source, destination)
    crops = {name for _, name in files if name.endswith(_CROP)}
    for folder, name in files:
        path = os.path.join(source, folder, name)
        relative_path = os.path.join(folder, name)
        labels = read_name(name)
        if not dataset_folder.is_picture(path):
            left_out.append(LeftOut(relative_path, "not a picture"))
        elif labels is None:
            left_out.append(LeftOut(relative_path, "no age in its name"))
        elif name + _CROP in crops:
            left_out.append(LeftOut(relative_path, "the crop of the face from it is used"))
        else:
            age, attributes = labels
            pictures.append(Picture(path, folder, str(age), attributes))
    if not pictures:
        found = ", ".join(os.path.join(*file) for file in files[:3]) if files else "no files"
        found += ", …" if len(files) > 3 else ""
        raise BadInput(
            f"{source}: no picture here is named as UTKFace names them (found: {found}). Expected names such as "
            "26_1_2_20170104022229597.jpg.chip.jpg, here or in subfolders."
        )
    return dataset_folder.write(destination, pictures, ATTRIBUTES, left_out)

"""Turns a downloaded All-Age-Faces folder into an input directory of the pipeline.

All-Age-Faces (Cheng, Li, Wang, Yu and Wang, "Exploiting Effective Facial Patches for Robust Gender Recognition", 2019; 13,322
photographs) says number and age in its file names: `00012A05.jpg`. Numbers up to 07380 are of female people, those above of male ones. As
others describe the release, each number occurs once; where one occurs again it is the same person.
"""

import re

from age.dataset.sources import dataset_folder
from age.dataset.sources.dataset_folder import PERSON_COLUMN, ImportSummary, NameLabels

ATTRIBUTES = ("gender", PERSON_COLUMN)

_LAST_FEMALE = 7380
_NAME = re.compile(r"(?P<person>\d{5})A(?P<age>\d{2,3})\.(jpg|jpeg|png)", re.ASCII | re.IGNORECASE)


def read_name(name: str) -> NameLabels | None:
    """Reads number, gender and age from one of All-Age-Faces' file names.

    Example:
        >>> read_name("07381A05.jpg")
        NameLabels(real_age='5', attributes={'gender': 'male', 'person_id': '07381'})
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    gender = "female" if int(match["person"]) <= _LAST_FEMALE else "male"
    return NameLabels(str(int(match["age"])), {"gender": gender, PERSON_COLUMN: match["person"]})


def import_all_age_faces(source: str, destination: str) -> ImportSummary:
    """Turns an All-Age-Faces folder into `labels.csv` (`file_name,real_age,gender,person_id`) and `final_files/`.

    The release has each photograph whole and aligned, under one name: name the folder that is wanted, `original images` or
    `aglined faces`. Of both, the second one becomes a row of its own, with its folder's name in front.

    Args:
        source: the folder, flat or with subfolders.
        destination: a directory without a label file; it may be the source itself or lie in it.

    Raises:
        BadInput: the source has no picture with such a name, or the destination can't be used.
    """
    return dataset_folder.import_by_names(source, destination, read_name, ATTRIBUTES, "00012A05.jpg")

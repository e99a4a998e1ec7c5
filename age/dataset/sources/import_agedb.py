"""Turns a downloaded AgeDB folder into an input directory of the pipeline.

AgeDB (Moschoglou et al., CVPR workshops 2017; 16,488 photographs of 568 people) says everything in its file names: number, name, age and
gender, as `0_MariaCallas_35_f.jpg`.
"""

import re

from age.dataset.sources import dataset_folder
from age.dataset.sources.dataset_folder import PERSON_COLUMN, ImportSummary, NameLabels

ATTRIBUTES = ("gender", PERSON_COLUMN)
GENDERS = {"f": "female", "m": "male"}

_NAME = re.compile(r"\d+_(?P<person>.+)_(?P<age>\d{1,3})_(?P<gender>[fm])\.(jpg|jpeg|png)", re.IGNORECASE)


def read_name(name: str) -> NameLabels | None:
    """Reads person, age and gender from one of AgeDB's file names.

    Example:
        >>> read_name("0_MariaCallas_35_f.jpg")
        NameLabels(real_age='35', attributes={'gender': 'female', 'person_id': 'MariaCallas'})
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    return NameLabels(str(int(match["age"])), {"gender": GENDERS[match["gender"].lower()], PERSON_COLUMN: match["person"]})


def import_agedb(source: str, destination: str) -> ImportSummary:
    """Turns an AgeDB folder into `labels.csv` (`file_name,real_age,gender,person_id`) and `final_files/`.

    Args:
        source: the folder, flat or with subfolders.
        destination: a directory without a label file; it may be the source itself or lie in it.

    Raises:
        BadInput: the source has no picture with AgeDB's kind of name, or the destination can't be used.
    """
    return dataset_folder.import_by_names(source, destination, read_name, ATTRIBUTES, "0_MariaCallas_35_f.jpg")

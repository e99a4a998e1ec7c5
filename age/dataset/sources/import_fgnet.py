"""Turns a downloaded FG-NET folder into an input directory of the pipeline.

FG-NET (1,002 photographs of 82 people; Panis, Lanitis, Tsapatsoulis and Cootes, IET Biometrics 2016) says everything in its file names:
`001A43a.JPG` is person 1 at 43 years, the first of several photographs at that age.
"""

import re

from age.dataset.sources import dataset_folder
from age.dataset.sources.dataset_folder import PERSON_COLUMN, ImportSummary, NameLabels

_NAME = re.compile(r"(?P<person>\d{3})A(?P<age>\d{2})[a-z]?\.(jpg|jpeg|png)", re.ASCII | re.IGNORECASE)


def read_name(name: str) -> NameLabels | None:
    """Reads person and age from one of FG-NET's file names.

    Example:
        >>> read_name("001A43a.JPG")
        NameLabels(real_age='43', attributes={'person_id': '001'})
    """
    match = _NAME.fullmatch(name)
    return match and NameLabels(str(int(match["age"])), {PERSON_COLUMN: match["person"]})


def import_fgnet(source: str, destination: str) -> ImportSummary:
    """Turns an FG-NET folder into `labels.csv` (`file_name,real_age,person_id`) and `final_files/`.

    Args:
        source: the folder, flat or with subfolders such as `images`.
        destination: a directory without a label file; it may be the source itself or lie in it.

    Raises:
        BadInput: the source has no picture with FG-NET's kind of name, or the destination can't be used.
    """
    return dataset_folder.import_by_names(source, destination, read_name, (PERSON_COLUMN,), "001A43a.JPG")

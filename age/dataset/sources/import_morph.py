"""Turns a MORPH Album 2 release into an input directory of the pipeline.

MORPH (Ricanek and Tesafaye, FG 2006; the non-commercial release of 2008 has 55,134 photographs of 13,618 people) comes with a label file,
`morph_2008_nonCommercial.csv`: `id_num,picture_num,dob,doa,race,gender,facial_hair,age,age_diff,glasses,photo`. `photo` is a path from the
file's own folder, such as `Album2/009055_1M54.JPG`.
"""

import os

from age.dataset import image_folder
from age.dataset.sources import dataset_folder, label_table
from age.dataset.sources.dataset_folder import PERSON_COLUMN, ImportSummary, LeftOut, Picture
from schemas.bad_input import BadInput

LABEL_FILE = "morph_2008_nonCommercial.csv"
ATTRIBUTES = ("gender", "ethnicity", PERSON_COLUMN)
GENDERS = {"M": "male", "F": "female"}
ETHNICITIES = {"W": "white", "B": "black", "A": "asian", "H": "hispanic", "O": "other"}

_COLUMNS = ("id_num", "race", "gender", "age", "photo")


def import_morph(source: str, destination: str) -> ImportSummary:
    """Turns the MORPH release into `labels.csv` (`file_name,real_age,gender,ethnicity,person_id`) and `final_files/`.

    Rows keep the release's order.

    Args:
        source: the folder with `morph_2008_nonCommercial.csv`.
        destination: a directory without a label file; it may be the source itself or lie in it.

    Returns:
        What was done, and every row that was left out with the reason.

    Raises:
        BadInput: the source is not such a release, or the destination can't be used.
    """
    dataset_folder.check_ends(source, destination)
    label_path = os.path.join(source, LABEL_FILE)
    if not os.path.isfile(label_path):
        raise BadInput(
            f"{source}: this is no MORPH release. Expected {LABEL_FILE} and the folder of its photographs, Album2/, here."
        )
    pictures: list[Picture] = []
    left_out: list[LeftOut] = []
    for row in label_table.read(label_path, _COLUMNS, "MORPH"):
        photo = row["photo"].strip()
        path = os.path.join(source, photo)
        if image_folder.unsafe_reason(photo):
            left_out.append(LeftOut(photo, "the row names no file of the release"))
        elif not os.path.isfile(path):
            left_out.append(LeftOut(photo, "there is no such photograph"))
        else:
            attributes = {
                "gender": GENDERS.get(row["gender"].strip(), ""),
                "ethnicity": ETHNICITIES.get(row["race"].strip(), ""),
                PERSON_COLUMN: row["id_num"].strip(),
            }
            pictures.append(Picture(path, os.path.dirname(photo), row["age"].strip(), attributes))
    if not pictures:
        raise BadInput(
            f"{label_path}: it names {len(left_out)} photographs and none of them is there. Was the archive unpacked whole?"
        )
    return dataset_folder.write(destination, pictures, ATTRIBUTES, left_out)

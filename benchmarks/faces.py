"""The faces that trainings are compared on: some or all of a data set, ingested once."""

import csv
import os
import random
from typing import NamedTuple

from age.dataset import image_folder, label_file
from benchmarks import ingestion
from schemas import features

_SEED = 0


def some_of(data: str, directory: str, count: int) -> str:
    """Writes rows of a data set that are drawn at random, and their images, into a directory; returns it.

    Args:
        data: `labels.csv` and images.
        directory: made here.
        count: rows.
    """
    source = os.path.join(data, features.LABEL_FILE)
    header, rows = label_file.read_header(source), list(label_file.read_rows(source))
    os.makedirs(os.path.join(directory, "images"))
    with open(os.path.join(directory, features.LABEL_FILE), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((features.FILE_NAME_COLUMN, features.REAL_AGE_COLUMN, *header.attributes))
        for row in random.Random(_SEED).sample(rows, min(count, len(rows))):
            try:
                encoded = image_folder.read_image(data, row.file_name)
            except OSError:
                continue
            with open(os.path.join(directory, "images", os.path.basename(row.file_name)), "wb") as image:
                image.write(encoded)
            writer.writerow((os.path.basename(row.file_name), row.age_text, *row.attributes))
    return directory


class Splits(NamedTuple):
    """The splits of a data set (`age.model.example_reading.Split`)."""

    training: object
    validation: object
    test: object


def splits(data: str, scratch: str, count: int | None) -> Splits:
    """Ingests faces and returns their splits, the shares of a run.

    Args:
        data: `labels.csv` and images.
        scratch: where the examples go.
        count: faces; None for all.
    """
    from age.model.example_reading import Split

    chosen = some_of(data, os.path.join(scratch, "faces"), count) if count else data
    directory = os.path.join(scratch, "examples")
    ingestion.ingest(chosen, directory)
    return Splits(*(Split.read([os.path.join(directory, split, "*")]) for split in features.SPLITS))

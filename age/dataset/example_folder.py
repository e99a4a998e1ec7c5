"""Turns a data directory into examples on this machine: what FaceExampleGen does, without TFX."""

import apache_beam as beam

from age import storage
from age.dataset import beam_leftovers, ingestion, label_file
from age.faces.face_reader import FaceReader
from schemas import age_schema, features

FRACTIONS = {features.TRAIN: 0.8, features.VALIDATION: 0.1, features.TEST: 0.1}
"""Share of each split, in the order in which they divide the hashes."""

REJECTS_FOLDER = "rejects"


def ingest_folder(
    data_dir: str,
    output_dir: str,
    fractions: dict[str, float] = FRACTIONS,
    limits: age_schema.Limits | None = None,
    reader: FaceReader | None = None,
) -> dict[str, list[str]]:
    """Ingests a data directory with Beam in this process.

        files = ingest_folder("faces", "examples")
        labels = example_reading.read_labels(files["train"])

    Args:
        data_dir: directory with `labels.csv` and the images.
        output_dir: made if it does not exist. It gets a folder of TFRecord files for each split (`Split-train` …), and
            `rejects`: every row that could not be used with the reason (`rejects.csv`), and counts over all rows.
        fractions: share of each split, summing to 1.
        limits: ages and image sides that are accepted; None for those of `schemas/age.pbtxt`.
        reader: cuts the main face out of each photograph; None to take photographs as they are.

    Returns:
        For each split the patterns of its files.

    Raises:
        BadInput: the label file is missing or is none.
    """
    if limits is None:
        source = age_schema.DEFAULT_SCHEMA
        limits = age_schema.limits(age_schema.parse(source.read_text(encoding="utf-8"), str(source)))
    header = label_file.read_header(storage.join(data_dir, features.LABEL_FILE))
    split_dirs = {split: storage.join(output_dir, f"Split-{split}") for split in fractions}
    rejects_dir = storage.join(output_dir, REJECTS_FOLDER)
    for directory in (*split_dirs.values(), rejects_dir):
        storage.make_directory(directory)
    # Beam takes an empty list for its options, and None for this process's command line.
    with beam.pipeline.Pipeline(argv=[]) as pipeline:
        ingestion.ingest(
            pipeline, data_dir, split_dirs, rejects_dir, fractions, limits, list(header.attributes), reader=reader
        )
    for directory in (*split_dirs.values(), rejects_dir):
        beam_leftovers.remove(directory)
    return {split: [storage.join(directory, "*")] for split, directory in split_dirs.items()}

"""Ingestion on Beam's DirectRunner against a bare Python loop that does the same work on one core."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator

from age import storage
from age.dataset import image_checks, image_folder, ingestion, label_file, row_checks, split_groups
from pipeline import configuration
from schemas import age_schema, features

FRACTIONS = {features.TRAIN: 0.8, features.VALIDATION: 0.1, features.TEST: 0.1}
START_UP_ROWS = 20


def limits() -> age_schema.Limits:
    return age_schema.limits(age_schema.parse(age_schema.DEFAULT_SCHEMA.read_text(), "schemas/age.pbtxt"))


def ingest(
    data: str,
    directory: str,
    beam_section: configuration.Beam | None = None,
    grouping: split_groups.Grouping = split_groups.NO_GROUPING,
) -> dict:
    """Runs ingestion, in this process unless the `beam` section says otherwise; returns its counts, seconds and processor seconds."""
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    options = PipelineOptions(configuration.Configuration(beam=beam_section or configuration.Beam()).beam_args())
    split_dirs = {split: os.path.join(directory, split) for split in FRACTIONS}
    rejects = os.path.join(directory, "rejects")
    for path in (*split_dirs.values(), rejects):
        os.makedirs(path)
    header = label_file.read_header(os.path.join(data, features.LABEL_FILE))
    started, processor_started = time.perf_counter(), time.process_time()
    with beam.Pipeline(options=options) as pipeline:
        ingestion.ingest(pipeline, data, split_dirs, rejects, FRACTIONS, limits(), list(header.attributes), grouping=grouping)
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processor_started
    counts = json.loads(storage.read_bytes(os.path.join(rejects, ingestion.COUNTS_FILE)))
    return {**counts, "seconds": seconds, "processor_seconds": processor_seconds}


def bare_loop(data: str, path: str) -> float:
    """Reads, hashes, decodes, measures and writes every picture in one thread; returns the seconds."""
    import tensorflow as tf

    header = label_file.read_header(os.path.join(data, features.LABEL_FILE))
    accepted, seen = limits(), set()
    started = time.perf_counter()
    with tf.io.TFRecordWriter(path) as writer:
        for row in label_file.read_rows(os.path.join(data, features.LABEL_FILE)):
            candidate = row_checks.check_row(row, accepted)
            if isinstance(candidate, row_checks.Reject):
                continue
            try:
                encoded = image_folder.read_image(data, candidate.file_name)
                sha256 = hashlib.sha256(encoded).hexdigest()
                if sha256 in seen:
                    continue
                seen.add(sha256)
                measured = image_checks.measure(encoded, accepted)
            except (OSError, image_checks.UnusableImage):
                continue
            candidate = dataclasses.replace(candidate, sha256=sha256)
            writer.write(ingestion.to_example(candidate, encoded, measured, list(header.attributes)))
    return time.perf_counter() - started


@contextlib.contextmanager
def bare_loop_alone() -> Iterator[Callable[[str, str], float]]:
    """Gives the bare loop a process of its own: in one that has run Beam it is a fifth slower."""
    with concurrent.futures.ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as alone:
        yield lambda *arguments: alone.submit(bare_loop, *arguments).result()


def head_of(data: str, directory: str, rows: int) -> str:
    """Writes a data directory with the first rows of another; its images are hard links or copies."""
    images = os.path.join(directory, "images")
    os.makedirs(images)
    with open(os.path.join(data, features.LABEL_FILE), encoding="utf-8-sig") as source:
        lines = [line for _, line in zip(range(rows + 1), source)]
    with open(os.path.join(directory, features.LABEL_FILE), "w", encoding="utf-8") as destination:
        destination.writelines(lines)
    for row in label_file.read_rows(os.path.join(directory, features.LABEL_FILE)):
        try:
            content = image_folder.read_image(data, row.file_name)
        except OSError:
            continue
        with open(os.path.join(images, row.file_name), "wb") as file:
            file.write(content)
    return directory


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields the lines of the report: images per second of both, and their ratio, start-up left out.

    Start-up is what ingesting the first 20 rows takes: building and starting the same Beam pipeline.
    """
    with bare_loop_alone() as run_bare_loop:
        yield from _compare(data, scratch, repeats, run_bare_loop)


def _compare(data: str, scratch: str, repeats: int, run_bare_loop: Callable[[str, str], float]) -> Iterator[str]:
    small = head_of(data, os.path.join(scratch, "small"), START_UP_ROWS)
    ingest(small, os.path.join(scratch, "warm_up"))
    run_bare_loop(small, os.path.join(scratch, "warm_up.tfrecord"))
    ratios, rates, start_ups = [], [], []
    for number in range(repeats):
        start_up = ingest(small, os.path.join(scratch, f"start_up{number}"))["seconds"]
        whole = ingest(data, os.path.join(scratch, f"whole{number}"))
        bare = run_bare_loop(data, os.path.join(scratch, f"bare{number}.tfrecord"))
        seconds = whole["seconds"] - start_up
        start_ups.append(start_up)
        rates.append(whole["rows"] / seconds)
        ratios.append(bare / seconds)
        yield (
            f"{whole['rows']} rows: Beam {whole['rows'] / seconds:.0f} rows/s after {start_up:.1f} s of start-up, "
            f"bare loop {whole['rows'] / bare:.0f} rows/s, ratio {bare / seconds:.2f}"
        )
    yield f"median: {statistics.median(rates):.0f} rows/s, {statistics.median(ratios):.2f} of the bare loop"

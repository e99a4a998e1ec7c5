"""Ingestion with one worker and with two, each beside the bare loop."""

import os
import shutil
import statistics
from collections.abc import Iterator

from benchmarks import ingestion, memory
from pipeline import configuration

_WORKERS = (1, 2)
_TIMES = 10


def _on_this_machine(workers: int) -> configuration.Beam:
    return configuration.Beam(runner="DirectRunner", options={"direct_num_workers": workers})


def _run(data: str, directory: str, beam_section: configuration.Beam) -> dict:
    measured = ingestion.ingest(data, directory, beam_section)
    shutil.rmtree(directory)
    return measured


def measure(data: str, scratch: str, repeats: int, beam_section=_on_this_machine) -> Iterator[str]:
    """Yields rows per second of both numbers of workers on ten times the data set, and how much faster two are.

    On the DirectRunner, one worker is a thread of this process, two are processes of their own. Start-up, which is what
    ingesting 20 rows takes, is left out: each process imports TensorFlow. The bare loop reads the same files in one process
    alone.

    Args:
        data: faces in the input form.
        scratch: where to work.
        repeats: how often each side of a comparison runs.
        beam_section: what makes the `beam` section for a number of workers.
    """
    many = memory.repeated(data, os.path.join(scratch, "many"), _TIMES)
    small = ingestion.head_of(data, os.path.join(scratch, "small"), ingestion.START_UP_ROWS)
    bare_file = os.path.join(scratch, "bare.tfrecord")
    gains = []
    with ingestion.bare_loop_alone() as run_bare_loop:
        run_bare_loop(small, bare_file)
        for number in range(repeats):
            seconds = {}
            for workers in _WORKERS:
                beam = beam_section(workers)
                _run(small, os.path.join(scratch, f"warm_up{number}_{workers}"), beam)
                start_up = _run(small, os.path.join(scratch, f"small{number}_{workers}"), beam)["seconds"]
                whole = _run(many, os.path.join(scratch, f"whole{number}_{workers}"), beam)
                seconds[workers] = whole["seconds"] - start_up
                yield (
                    f"{whole['rows']} rows, {workers} worker(s): {whole['rows'] / seconds[workers]:.0f} rows/s after "
                    f"{start_up:.1f} s of start-up"
                )
            bare = run_bare_loop(many, bare_file)
            gains.append(seconds[1] / seconds[2])
            yield (
                f"bare loop {whole['rows'] / bare:.0f} rows/s: one worker {bare / seconds[1]:.2f} and two workers "
                f"{bare / seconds[2]:.2f} of it"
            )
    yield f"median: two workers are {statistics.median(gains):.2f} times as fast as one"

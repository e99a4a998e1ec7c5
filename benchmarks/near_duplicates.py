"""What looking for near-duplicates costs in ingestion: the same data with and without it, in turn."""

import os
import shutil
import statistics
from collections.abc import Iterator

from age.dataset.split_groups import NO_GROUPING, Grouping
from benchmarks import ingestion


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields the lines of the report: seconds and processor seconds of both, and the ratios, start-up among them."""
    small = ingestion.head_of(data, os.path.join(scratch, "small"), ingestion.START_UP_ROWS)
    ingestion.ingest(small, os.path.join(scratch, "warm_up"), grouping=Grouping(near_duplicates=True))
    ratios, processor_ratios = [], []
    for number in range(repeats):
        without, looking = (
            _ingest(data, os.path.join(scratch, f"{name}{number}"), grouping)
            for name, grouping in (("without", NO_GROUPING), ("looking", Grouping(near_duplicates=True)))
        )
        ratios.append(looking["seconds"] / without["seconds"])
        processor_ratios.append(looking["processor_seconds"] / without["processor_seconds"])
        yield (
            f"{looking['rows']} rows: {without['seconds']:.1f} s without, {looking['seconds']:.1f} s with, ratio {ratios[-1]:.2f}; "
            f"processor {without['processor_seconds']:.1f} s and {looking['processor_seconds']:.1f} s, ratio {processor_ratios[-1]:.2f}"
        )
    yield f"median: {statistics.median(ratios):.2f}, of processor time {statistics.median(processor_ratios):.2f}"


def _ingest(data: str, directory: str, grouping: Grouping) -> dict:
    found = ingestion.ingest(data, directory, grouping=grouping)
    shutil.rmtree(directory)
    return found

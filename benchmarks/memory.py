"""Peak memory of ingestion at the rows of a data set and at ten times as many."""

import csv
import json
import os
import subprocess
import sys
from typing import Iterator

from components.face_example_gen import image_folder, label_file
from schemas import features

_TIMES = 10
_CHILD = """
import json, sys
from benchmarks import ingestion, memory
import apache_beam, tensorflow
before = memory.peak_mib()
counts = ingestion.ingest(sys.argv[1], sys.argv[2])
print(json.dumps({"rows": counts["rows"], "used": counts["used"], "before": before, "after": memory.peak_mib()}))
"""


def peak_mib() -> float:
    """Returns the most memory that this program has held, in MiB; Linux alone.

    `getrusage` would count what the process held before it became this program: a copy of its parent.
    """
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024


def repeated(data: str, directory: str, times: int) -> str:
    """Writes the images of a data set several times under new names, a few bytes changed so that each hash is new."""
    images = os.path.join(directory, "images")
    os.makedirs(images)
    source = os.path.join(data, features.LABEL_FILE)
    header = label_file.read_header(source)
    with open(os.path.join(directory, features.LABEL_FILE), "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((features.FILE_NAME_COLUMN, features.REAL_AGE_COLUMN, *header.attributes))
        for row in label_file.read_rows(source):
            try:
                encoded = image_folder.read_image(data, row.file_name)
            except OSError:
                encoded = None
            for number in range(times):
                name = f"{number}_{row.file_name}"
                writer.writerow((name, row.age_text, *row.attributes))
                if encoded is not None:
                    with open(os.path.join(images, name), "wb") as image:
                        # Decoders stop at the end of the picture and pass over what follows.
                        image.write(encoded + f"{number}:{row.line}".encode())
    return directory


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields peak resident memory, each size in a process of its own, before and after ingestion."""
    many = repeated(data, os.path.join(scratch, "many"), _TIMES)
    peaks = []
    for name, directory in (("once", data), ("ten times", many)):
        child = subprocess.run(
            [sys.executable, "-c", _CHILD, directory, os.path.join(scratch, f"out {name}")],
            check=True,
            capture_output=True,
            text=True,
        )
        told = json.loads(child.stdout.splitlines()[-1])
        peaks.append(told)
        yield (
            f"{told['rows']} rows ({told['used']} used): {told['after']:.0f} MiB at most, "
            f"{told['before']:.0f} MiB of them libraries"
        )
    grown = (peaks[1]["after"] - peaks[0]["after"]) / (peaks[1]["rows"] - peaks[0]["rows"]) * 1000
    yield f"growth: {grown:.2f} MiB for each 1,000 rows more, ratio {peaks[1]['after'] / peaks[0]['after']:.2f}"

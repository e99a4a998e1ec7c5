"""Peak memory of ingestion, and of training from the files, at the rows of a data set and at ten times as many."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator

from age.dataset import image_folder, label_file
from schemas import features

_TIMES = 10
_INGESTION = """
import json, sys
from benchmarks import ingestion, memory
import apache_beam, tensorflow
before = memory.peak_mib()
counts = ingestion.ingest(sys.argv[1], sys.argv[2])
print(json.dumps({"count": counts["rows"], "before": before, "after": memory.peak_mib()}))
"""
_TRAINING = """
import json, sys
from benchmarks import memory
from age.model import training
before = memory.peak_mib()
count = memory.train_from_files(*sys.argv[1:])
print(json.dumps({"count": count, "before": before, "after": memory.peak_mib()}))
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


def train_from_files(train: str, validation: str, directory: str) -> int:
    """Trains the smallest network for an epoch without a feature cache.

    Args:
        train: pattern of the training split's files.
        validation: pattern of the validation split's.
        directory: where the model and its history go.

    Returns:
        The number of training examples.
    """
    from tfx.components.trainer.fn_args_utils import FnArgs

    from age.model import training
    from age.model.settings import TrainerInputs, TrainerSettings

    settings = TrainerSettings(backbone="resnet20", weights="none", image_size=32, feature_cache=False, epochs=1)
    inputs = TrainerInputs(settings=settings, feature_cache_dir=os.path.join(directory, "no_cache"))
    training.run_fn(
        FnArgs(
            train_files=[train],
            eval_files=[validation],
            serving_model_dir=os.path.join(directory, "model"),
            model_run_dir=directory,
            custom_config=inputs.model_dump(),
        )
    )
    with open(os.path.join(directory, training.HISTORY_FILE), encoding="utf-8") as file:
        return json.load(file)["training_examples"]


def _peaks(code: str, *arguments: str) -> dict:
    """Runs a measurement in a process of its own; returns what its last line says."""
    command = [sys.executable, "-c", code, *arguments]
    child = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(child.stdout.splitlines()[-1])


def _growth(what: str, once: dict, ten_times: dict) -> str:
    grown = (ten_times["after"] - once["after"]) / (ten_times["count"] - once["count"]) * 1000
    return f"{what} grows by {grown:.2f} MiB for each 1,000 more, ratio {ten_times['after'] / once['after']:.2f}"


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields peak resident memory, each size in a process of its own, before and after the work.

    Training shuffles 256 MiB of records at a time, so it grows until the split is larger than that.
    """
    many = repeated(data, os.path.join(scratch, "many"), _TIMES)
    ingested, trained = [], []
    for name, directory in (("once", data), ("ten times", many)):
        out = os.path.join(scratch, name)
        peaks = _peaks(_INGESTION, directory, out)
        ingested.append(peaks)
        yield f"ingesting {peaks['count']} rows: {peaks['after']:.0f} MiB at most, {peaks['before']:.0f} MiB of them libraries"
        patterns = [os.path.join(out, split, "*") for split in (features.TRAIN, features.VALIDATION)]
        peaks = _peaks(_TRAINING, *patterns, os.path.join(out, "training"))
        trained.append(peaks)
        yield f"training on {peaks['count']} images: {peaks['after']:.0f} MiB at most, {peaks['before']:.0f} MiB of them libraries"
    yield _growth("ingestion", *ingested)
    yield _growth("training from the files", *trained)

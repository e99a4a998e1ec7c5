"""A small run on one stack for the other one to try: `python -m tests.stacks.first_run FOLDER`."""

import json
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from age.serving import Predictor
from tests.end_to_end.conftest import run_pipeline, write_shades


def main(folder: pathlib.Path) -> None:
    """Writes the data, the workdir of a blessed run on it, and `facts.json`: versions, verdict and predicted ages."""
    data = write_shades(folder / "data")
    run = run_pipeline(data, folder / "work")
    if not run.verdict["blessed"]:
        sys.exit("\n".join(run.verdict["reasons"]))
    images = sorted(map(str, (data / "images").iterdir()))
    answers = Predictor.load(run.verdict["paths"]["model"]).predict(images)
    facts = {
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "verdict": run.verdict,
        "ages": {path: answer.age for path, answer in zip(images, answers)},
    }
    (folder / "facts.json").write_text(json.dumps(facts))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))

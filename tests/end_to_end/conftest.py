"""Small data sets that a small network learns in seconds, and whole runs on them in this process."""

import csv
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline import configuration
from pipeline.local import local_runner

SIZE = 32

SMALL_RUN = [
    "trainer.backbone=resnet20",
    "trainer.weights=none",
    # Random layers tell shades apart as well as trained ones, and freezing them brings the feature cache into play.
    "trainer.freeze_through=stage2_block3_out",
    f"trainer.image_size={SIZE}",
    # The image and its mirror image: other variations change the shade, which is all there is to learn from.
    "trainer.views=2",
    "trainer.batch_size=16",
    "trainer.epochs=10",
    "trainer.early_stopping_patience=10",
    "trainer.learning_rate=0.003",
    "trainer.dense_units=32",
    "trainer.dropout=0",
    "evaluator.max_mae=8",
    "evaluator.min_examples=10",
    # Asked for where it is what a test is about.
    "evaluator.robustness=false",
]


def write_shades(directory: pathlib.Path, count: int = 320, seed: int = 0, shuffled: bool = False) -> pathlib.Path:
    """Writes a data set whose pictures get lighter and redder with age, under noise; `shuffled` gives ages at random."""
    random = np.random.default_rng(seed)
    (directory / "images").mkdir(parents=True)
    ages = random.integers(1, 91, size=count)
    labels = random.permutation(ages) if shuffled else ages
    with open(directory / "labels.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "real_age", "gender"))
        for number, (age, label) in enumerate(zip(ages, labels)):
            shade = np.array([40 + 2.2 * age, 120 - age, 230 - 2.2 * age])
            pixels = np.clip(shade + random.normal(0, 25, size=(SIZE, SIZE, 3)), 0, 255).astype("uint8")
            name = f"{number:04d}.png"
            Image.fromarray(pixels).save(directory / "images" / name)
            writer.writerow((name, label, "female" if number % 2 else "male"))
    return directory


@dataclasses.dataclass
class Run:
    """A finished run: its verdict as `blessing.json` holds it, the lines that it said, and where it worked."""

    verdict: dict[str, Any]
    lines: list[str]
    workdir: pathlib.Path

    def from_cache(self) -> set:
        return {line.split(":")[0] for line in self.lines if line.endswith("from the cache")}

    def executed(self) -> set:
        return {line.split(":")[0] for line in self.lines if line.endswith(" s") and "Loading" not in line}

    def versions(self) -> list:
        serving = self.workdir / "serving" / "age"
        return sorted(path.name for path in serving.iterdir() if path.name != ".age-pipeline") if serving.is_dir() else []


def run_pipeline(data: pathlib.Path, workdir: pathlib.Path, *overrides: str) -> Run:
    """Runs the whole pipeline in this process."""
    lines: list[str] = []
    configured = configuration.load(None, [*SMALL_RUN, *overrides], data_dir=str(data), workdir=str(workdir))
    verdict = local_runner.run(configured, lines.append)
    return Run(verdict=json.loads(verdict.to_json()), lines=lines, workdir=workdir)


@pytest.fixture(scope="session")
def shades(tmp_path_factory) -> pathlib.Path:
    """320 pictures whose shade tells the age."""
    return write_shades(tmp_path_factory.mktemp("shades") / "data")


@pytest.fixture(scope="session")
def blessed(shades, tmp_path_factory) -> Run:
    """A first run on `shades`, with nothing served yet."""
    return run_pipeline(shades, tmp_path_factory.mktemp("blessed"))

"""Generated verdicts with everything that they name, and a browser to read their pages in."""

import copy
import csv
import dataclasses
import hashlib
import io
import json
import os
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from age.reporting import page
from pipeline import configuration
from schemas.verdict import Verdict

EDGES = [float(edge) for edge in range(0, 105, 5)]


@dataclasses.dataclass
class Row:
    """A generated photograph and what a model said about it."""

    file_name: str
    sha256: str
    age: float
    predicted: float
    gender: str
    encoded: bytes


def picture(shade: int, size: int = 40) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (size, size), (shade, 255 - shade, 120)).save(written, "PNG")
    return written.getvalue()


def make_rows(count: int, seed: int) -> list[Row]:
    """Returns rows whose pictures differ in one grey value each, so that each can be told from its thumbnail."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        encoded = picture(number % 256) + seed.to_bytes(2, "big") + number.to_bytes(4, "big")
        age = float(random.integers(1, 95))
        rows.append(
            Row(
                file_name=f"{seed}-{number:04d}.png",
                sha256=hashlib.sha256(encoded).hexdigest(),
                age=age,
                predicted=age + float(random.normal(0, 6)),
                gender="female" if number % 3 else "male",
                encoded=encoded,
            )
        )
    return rows


def write_examples(directory: pathlib.Path, splits: dict[str, list[Row]]) -> str:
    def text(value):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    for split, rows in splits.items():
        (directory / f"Split-{split}").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(directory / f"Split-{split}" / "data_tfrecord-00000-of-00001")) as writer:
            for row in rows:
                feature = {
                    "image/encoded": text(row.encoded),
                    "image/filename": text(row.file_name.encode()),
                    "image/sha256": text(row.sha256.encode()),
                    "age": tf.train.Feature(float_list=tf.train.FloatList(value=[row.age])),
                }
                writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    return str(directory)


def write_predictions(path: pathlib.Path, rows: list[Row]) -> str:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file_name", "sha256", "real_age", "predicted_age", "gender"))
        writer.writerows((row.file_name, row.sha256, row.age, row.predicted, row.gender) for row in rows)
    return str(path)


def measured(rows: list[Row]) -> dict[str, Any]:
    errors = np.array([row.predicted - row.age for row in rows])
    return {
        "mae": float(np.abs(errors).mean()),
        "rmse": float(np.sqrt((errors**2).mean())),
        "bias": float(errors.mean()),
        "within_5_years": float((np.abs(errors) <= 5).mean()),
        "example_count": len(rows),
    }


def interval(mae: float) -> dict[str, float]:
    return {"low": mae * 0.9, "high": mae * 1.1, "confidence": 0.95, "resamples": 2000}


def described(ages: list[float]) -> dict[str, Any]:
    q25, median, q75 = np.percentile(ages, [25, 50, 75])
    return {
        "count": len(ages),
        "mean": float(np.mean(ages)),
        "std": float(np.std(ages, ddof=1)),
        "min": min(ages),
        "q25": q25,
        "median": median,
        "q75": q75,
        "max": max(ages),
        "histogram": {"edges": EDGES, "counts": np.histogram(ages, EDGES)[0].tolist()},
    }


def slices(rows: list[Row], small: int = 12) -> list[dict[str, Any]]:
    decades = {f"{10 * place}-{10 * place + 9}": [r for r in rows if r.age // 10 == place] for place in range(10)}
    genders = {value: [r for r in rows if r.gender == value] for value in ("female", "male")}
    entries = []
    for feature, groups in (("age_decade", decades), ("gender", genders)):
        for value, group in groups.items():
            if not group:
                continue
            entry = {"feature": feature, "value": value, **measured(group), "small": len(group) < small}
            if not entry["small"]:
                entry["mae_interval"] = interval(entry["mae"])
            entries.append(entry)
    return entries


def group(rows: list[Row], evidence: str, attribute=None, value=None, ages=(None, None)) -> dict[str, Any]:
    found = measured(rows) if rows else {"mae": None, "bias": None, "example_count": 0}
    return {
        "attribute": attribute,
        "value": value,
        "lowest_age": ages[0],
        "highest_age": ages[1],
        "evidence": evidence,
        **{key: found[key] for key in ("example_count", "mae", "bias")},
    }


def groups(rows: list[Row]) -> list[dict[str, Any]]:
    """A model for ages 0 to 69 and every gender; it takes those of 70 and over for 13 years younger."""
    old = [dataclasses.replace(row, predicted=row.age - 13) for row in rows if row.age >= 70]
    return [
        group([row for row in rows if row.age < 70], "adequate", ages=(0, 69)),
        group(old, "not_enough", ages=(70, None)),
        *(group([row for row in rows if row.gender == one], "adequate", "gender", one) for one in ("female", "male")),
    ]


@dataclasses.dataclass
class GeneratedRun:
    """A verdict as `blessing.json` holds it, the rows of its splits, and a place to write in."""

    verdict: dict[str, Any]
    splits: dict[str, list[Row]]
    directory: pathlib.Path

    def with_changes(self, **changes) -> dict[str, Any]:
        return {**copy.deepcopy(self.verdict), **changes}

    def stopped(self) -> dict[str, Any]:
        """The verdict of the same data when the data gate stopped the run."""
        verdict = self.with_changes(
            blessed=False,
            stopped_by="DataGate",
            reasons=["9 of 209 rows (4.3%) were rejected; allowed is 1.0%.", "gender (train split): a value is missing."],
            metrics=None,
            constant_baseline=None,
            canary=None,
            slices=[],
            groups=[],
            weakest_slices=[],
            training=None,
            model_version=None,
        )
        verdict["data"]["anomalies"] = ["gender (train split): a value is missing."]
        verdict["stages"] = verdict["stages"][:1]
        for name in ("predictions", "model", "evaluation", "model_card"):
            verdict["paths"].pop(name, None)
        return verdict

    def explored(self) -> dict[str, Any]:
        return {**self.stopped(), "kind": "explore", "blessed": None, "stopped_by": None, "reasons": []}


@pytest.fixture(scope="session")
def generated(tmp_path_factory) -> GeneratedRun:
    """A blessed run with a champion; every other verdict is made from it."""
    directory = tmp_path_factory.mktemp("verdict")
    splits = {"train": make_rows(80, 1), "validation": make_rows(20, 2), "test": make_rows(100, 3)}
    test = splits["test"]
    metrics = measured(test)
    rejects = directory / "rejects.csv"
    rejects.write_text("line,file_name,real_age,reason,detail\n5,gone.png,30,missing_file,no such file\n")
    everyone = [row.age for rows in splits.values() for row in rows]
    brightness = {
        split: {"edges": [0.0, 0.25, 0.5, 0.75, 1.0], "counts": [1, len(rows) - 3, 2, 0], "mean": 0.41}
        for split, rows in splits.items()
    }
    history = {"loss": [14.0, 9.0, 8.5], "mae": [14.0, 9.0, 8.5], "val_loss": [10.0, 7.5, 8.0], "val_mae": [10.0, 7.5, 8.0]}
    verdict = {
        "schema_version": 2,
        "run_id": "20260101-120000",
        "kind": "run",
        "blessed": True,
        "stopped_by": None,
        "reasons": [],
        "thresholds": {"max_mae": 8.0, "max_regression": 0.25, "min_examples": 50, "slice_ceilings": {}},
        "metrics": {**metrics, "mae_interval": interval(metrics["mae"])},
        "constant_baseline": {"answer": "median", "age": 41.0, "mae": 23.4},
        "champion": {"version": 1790000000, "metrics": {**metrics, "mae": metrics["mae"] + 0.31}},
        "canary": {
            "passed": True,
            "reasons": [],
            "photographs": 64,
            "server": "TensorFlow 2.16.2",
            "largest_difference": 0.00002,
            "load_seconds": 1.93,
            "latency_seconds": 0.0314,
            "peak_memory": 640_000_000,
        },
        "slices": slices(test),
        "groups": groups(test),
        "weakest_slices": ["Ages 40-49: MAE 7.1 years (interval 6.4 to 7.9) on 14 photographs, against 4.7 over all."],
        "model_version": "1790000001",
        "data_fingerprint": "ab" * 32,
        "data": {
            "directory": "/data/faces",
            "rows": 209,
            "used": 200,
            "rejected": 1,
            "duplicates": 8,
            "splits": {split: len(rows) for split, rows in splits.items()},
            "rejects": {"missing_file": 1},
            "reject_examples": [
                {"line": 5, "file_name": "gone.png", "real_age": "30", "reason": "missing_file", "detail": "no such file"}
            ],
            "ages": {
                "labels": described(everyone),
                **{split: described([row.age for row in rows]) for split, rows in splits.items()},
            },
            "sizes": [{"width": 40, "height": 40, "count": 190}, {"other": 10}],
            "brightness": brightness,
            "attributes": {"gender": [{"value": "female", "count": 130}, {"value": "male", "count": 70}]},
            "anomalies": [],
        },
        "stages": [
            {"name": "FaceExampleGen", "seconds": 7.7, "cached": False},
            {"name": "StatisticsGen", "seconds": 0.01, "cached": True},
            {"name": "Trainer", "seconds": 920.0, "cached": False},
        ],
        "paths": {
            "metadata": "/runs/faces/metadata.sqlite",
            "model": None,
            "rejects": str(rejects),
            "evaluation": "/runs/faces/evaluation",
            "report": "/runs/faces/report.html",
            "predictions": write_predictions(directory / "predictions.csv", test),
            "examples": write_examples(directory / "examples", splits),
        },
        "training": {
            "history": history,
            "best_epoch": 2,
            "epochs_run": 3,
            "validation_mae": 7.5,
            "training_examples": 80,
            "validation_examples": 20,
            "device": "CPU",
            "feature_cache": {"computed": True, "views": 2, "bytes": 1_500_000, "seconds": 12.0},
        },
        "configuration": configuration.load(data_dir="/data/faces", workdir="/runs/faces").model_dump(),
        "versions": {"age-pipeline": "0.1.0", "tensorflow": "2.16.2"},
        "created": "2026-01-01T12:30:00+00:00",
    }
    return GeneratedRun(verdict=verdict, splits=splits, directory=directory)


class Reader:
    """Reads pages in Chromium and keeps what the browser complained about or asked for."""

    def __init__(self, browser):
        self._browser = browser
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def open(self, path: pathlib.Path, width: int = 1280, scheme: str = "light", media: str = "screen"):
        opened = self._browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
        opened.emulate_media(media=media)
        opened.on("console", lambda message: self.complaints.append(message.text))
        opened.on("pageerror", lambda error: self.complaints.append(str(error)))
        opened.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        opened.on("request", lambda request: self.requests.append(request.url))
        opened.goto(path.as_uri())
        return opened

    def outside_requests(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("data:", "file:"))]


def _chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    return None


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, or a skip that says what to install."""
    program = _chromium()
    if program is None:
        pytest.skip("no Chromium: install the package chromium (Debian), chromium-browser (Ubuntu) or google-chrome")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield launched
        launched.close()


@pytest.fixture()
def reader(browser) -> Reader:
    return Reader(browser)


@pytest.fixture(scope="session")
def written(generated, tmp_path_factory):
    """Writes a verdict and returns the page's path; the same verdict is written once."""
    pages = {}

    def write(verdict: dict[str, Any]) -> pathlib.Path:
        key = json.dumps(verdict, sort_keys=True)
        if key not in pages:
            directory = tmp_path_factory.mktemp("report")
            page.write(Verdict.from_content(verdict), str(directory))
            pages[key] = directory / page.REPORT_FILE
        return pages[key]

    return write


@pytest.fixture
def ensemble(generated) -> dict[str, Any]:
    """A verdict on a model that is the mean of two networks."""
    verdict = generated.with_changes()
    alone = {"history": verdict["training"]["history"], "best_epoch": 2, "epochs_run": 3, "fit_seconds": 60.0}
    verdict["training"]["members"] = [
        {**alone, "differs": {"seed": 0}, "validation_mae": 7.75},
        {**alone, "differs": {"seed": 1, "freeze_through": "conv_pw_6_relu"}, "validation_mae": 8.0},
    ]
    return verdict


@pytest.fixture
def made_worse(generated) -> dict[str, Any]:
    """A verdict on a model that was asked about photographs made worse too."""
    verdict = generated.with_changes()
    away = {"low": 1.5, "high": 3.25, "confidence": 0.95}
    one = {
        "mae": 7.25,
        "mae_interval": interval(7.25),
        "bias": -2.0,
        "increase": 2.5,
        "increase_interval": away,
        "ceiling": 7.0,
    }
    verdict["thresholds"]["robustness_ceilings"] = {"left_covered": 7.0}
    verdict["robustness"] = {
        "unchanged": {**measured(generated.splits["test"]), "mae": 4.75, "mae_interval": interval(4.75)},
        "corrupted": [
            {**one, "name": "blurred_mild", "description": "blurred a little", "mae": 5.0, "increase": 0.25, "ceiling": None},
            {**one, "name": "left_covered", "description": "left half covered"},
        ],
    }
    return verdict


@pytest.fixture
def in_stages(generated) -> dict[str, Any]:
    """A verdict on a model whose training had one epoch in its first stage and two in its second."""
    verdict = generated.with_changes()
    verdict["training"]["stage_epochs"] = [1, 2]
    return verdict

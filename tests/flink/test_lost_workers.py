"""A TaskManager or a Python worker dies while images are ingested: the job goes on, and nothing is lost or doubled."""

import collections
import contextlib
import json
import os
import pathlib
import signal
import threading

import pytest
import tensorflow as tf
from tfx.dsl.components.base import base_beam_executor
from tfx.types import standard_artifacts

from components.artifacts import Rejects
from components.face_example_gen import component, executor
from pipeline import configuration
from schemas.age_schema import Limits
from tests.end_to_end.conftest import write_shades
from tests.flink.conftest import overrides, wait_until, workers

pytestmark = pytest.mark.flink

PICTURES = 8000
SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    """Enough pictures to take a while: 40 of them over and over, each time with other bytes at the end."""
    directory = write_shades(tmp_path_factory.mktemp("many") / "data", count=40)
    drawn = [path.read_bytes() for path in sorted((directory / "images").iterdir())]
    with open(directory / "labels.csv", "a", encoding="utf-8") as labels:
        for number in range(PICTURES):
            (directory / "images" / f"copy{number}.png").write_bytes(drawn[number % 40] + b"%d" % number)
            labels.write(f"copy{number}.png,{number % 90 + 1},male\n")
        labels.write("gone.png,30,male\n")
    return directory


def ingest(data: pathlib.Path, into: pathlib.Path, beam_args: list) -> None:
    """Runs FaceExampleGen's executor with the parameters that its declaration makes."""
    limits = Limits(min_age=0.0, max_age=116.0, min_side=16, max_side=8192)
    declared = component.FaceExampleGen(str(data), "f" * 64, SPLITS, limits)
    examples, rejects = standard_artifacts.Examples(), Rejects()
    examples.uri, rejects.uri = str(into / "examples"), str(into / "rejects")
    context = base_beam_executor.BaseBeamExecutor.Context(beam_pipeline_args=beam_args, tmp_dir=str(into / "tmp"))
    executor.Executor(context).Do({}, {"examples": [examples], "rejects": [rejects]}, declared.spec.exec_properties)


def written(into: pathlib.Path) -> dict:
    """Returns everything that was ingested, order left out: how often each example is in each split, rejects, counts."""
    found = {}
    for split in SPLITS:
        files = sorted((into / "examples" / f"Split-{split}").rglob("*"))
        assert files and all(file.is_file() and "tfrecord" in file.name for file in files), files
        kind = "GZIP" if files[0].name.endswith(".gz") else ""
        options = tf.io.TFRecordOptions(kind)
        found[split] = collections.Counter(
            record for file in files for record in tf.compat.v1.io.tf_record_iterator(str(file), options)
        )
    found["rejects"] = sorted((into / "rejects" / "rejects.csv").read_text().splitlines())
    found["counts"] = json.loads((into / "rejects" / "counts.json").read_text())
    # Beam leaves directories of an attempt that failed beside what it wrote, but no files.
    files = {path.name for path in (into / "rejects").iterdir() if path.is_file()}
    assert files == {"rejects.csv", "counts.json", "summary.json"}
    return found


@pytest.fixture(scope="module")
def expected(data, tmp_path_factory) -> dict:
    into = tmp_path_factory.mktemp("in_process")
    ingest(data, into, configuration.load().beam_args())
    found = written(into)
    assert set().union(*(found[split].values() for split in SPLITS)) == {1}
    assert sum(map(len, (found[split] for split in SPLITS))) == PICTURES + 40
    return found


def noticed(cluster) -> bool:
    """Whether the job that began last has had a failure."""
    last = max(cluster.rest("/jobs/overview")["jobs"], key=lambda job: job["start-time"])
    return bool(cluster.rest(f"/jobs/{last['jid']}/exceptions")["exceptionHistory"]["entries"])


def kill_a_worker(cluster, others) -> None:
    """Kills workers, one after the other, until the job misses one: who has nothing left to do is missed by nobody."""
    for worker in sorted(set(workers(cluster)) - others):
        os.kill(worker, signal.SIGKILL)
        with contextlib.suppress(AssertionError):
            wait_until(lambda: noticed(cluster), 5, "noticing")
            return


@pytest.mark.parametrize("victim", ["Python worker", "TaskManager"])
def test_ingestion_survives_the_loss_of_a(victim, cluster, data, expected, tmp_path):
    beam_args = configuration.load(None, overrides(cluster)).beam_args()
    failed, of_earlier_jobs = [], set(workers(cluster))

    def run():
        try:
            ingest(data, tmp_path, beam_args)
        except BaseException as error:
            failed.append(error)

    ingesting = threading.Thread(target=run, daemon=True)
    ingesting.start()
    # Beam writes beside the place and moves the files when all are whole: now examples are being written.
    wait_until(lambda: any((tmp_path / "examples").rglob("*beam-temp*/*")), 120, "writing")
    if victim == "Python worker":
        kill_a_worker(cluster, of_earlier_jobs)
    else:
        os.kill(cluster.pid("taskmanager-1"), signal.SIGKILL)
    ingesting.join(240)

    assert not ingesting.is_alive() and not failed, failed
    assert noticed(cluster), "the job noticed nothing"
    assert written(tmp_path) == expected
    cluster.up()

"""Ages of many photographs on Flink: the same as in one process, also where a worker dies."""

import pathlib
import threading

import pytest

from pipeline import configuration
from pipeline.prediction import on_beam
from tests import brightness_model
from tests.flink.conftest import overrides, wait_until, workers
from tests.flink.test_lost_workers import kill_a_worker, noticed

pytestmark = pytest.mark.flink

PHOTOGRAPHS = 20_000


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return brightness_model.write_model(tmp_path_factory.mktemp("serving") / "7")


@pytest.fixture(scope="module")
def photographs(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("many") / "greys"
    brightness_model.write_greys(folder, PHOTOGRAPHS)
    for number in range(0, PHOTOGRAPHS, 1000):
        (folder / f"{number:05d}.cut.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


def written(out: pathlib.Path) -> list[str]:
    """Returns all that was answered and all that could not be read, sorted."""
    files = [*out.glob("predictions-*"), out / on_beam.DEAD_LETTERS]
    return sorted(line for file in files for line in file.read_text(encoding="utf-8").splitlines())


@pytest.fixture(scope="module")
def expected(model, photographs, tmp_path_factory) -> list[str]:
    out = tmp_path_factory.mktemp("in_process") / "ages"
    arguments = on_beam.arguments(configuration.load(), "direct")
    assert on_beam.to_directory(model, [str(photographs)], str(out), arguments, resume=False) == (PHOTOGRAPHS + 20, 20)
    return written(out)


def test_a_worker_that_dies_loses_and_doubles_nothing(cluster, model, photographs, expected, tmp_path):
    arguments = on_beam.arguments(configuration.load(None, overrides(cluster)), "flink")
    out, counted, of_earlier_jobs = tmp_path / "ages", [], set(workers(cluster))

    def ask() -> None:
        counted.append(on_beam.to_directory(model, [str(photographs)], str(out), arguments, resume=False))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    wait_until(lambda: len(list(out.glob("predictions-*"))) > 2, 180, "answering")
    kill_a_worker(cluster, of_earlier_jobs)
    asking.join(240)

    assert counted == [(PHOTOGRAPHS + 20, 20)]
    assert noticed(cluster), "the job noticed nothing"
    assert written(out) == expected
    cluster.up()

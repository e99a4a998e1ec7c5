"""What is found out about a real cluster before a run begins."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

from components.run_start import beam_check
from pipeline import configuration
from schemas.bad_input import BadInput
from schemas.failures import ServiceUnavailable
from tests.flink.conftest import CHECKOUT, free_ports, overrides, wait_until

pytestmark = pytest.mark.flink


def check(cluster, *more, seconds=beam_check.SECONDS):
    beam_check.check(configuration.load(None, [*overrides(cluster), *more]).beam_args(), seconds)


def complaint(cluster, *more, kind=BadInput, **how):
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        check(cluster, *more, **how)
    assert "\n" not in str(caught.value) and time.monotonic() - began < 65
    return str(caught.value)


@contextlib.contextmanager
def pool_of(project: pathlib.Path):
    """The address of a worker pool that runs from another directory than this project's."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "pipeline.beam.beam_worker_pool", f"--port={port}"]
    with open(project / "log", "wb") as log:
        pool = subprocess.Popen(command, cwd=project, env={**os.environ, "PYTHONPATH": str(project)}, stdout=log, stderr=log)
    try:
        wait_until(lambda: b"Starting workers" in (project / "log").read_bytes(), 60, "the pool's start")
        yield f"beam.options.environment_config=localhost:{port}"
    finally:
        pool.terminate()
        pool.wait()


@pytest.fixture
def copy(tmp_path) -> pathlib.Path:
    for package in ("age", "components", "pipeline", "schemas"):
        shutil.copytree(CHECKOUT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_cluster_that_is_fit_and_then_a_pool_that_has_gone(cluster):
    check(cluster)
    (port,) = free_ports(1)
    said = complaint(cluster, f"beam.options.environment_config=localhost:{port}", kind=ServiceUnavailable)
    assert f"no pool of Python workers answers the cluster at localhost:{port}" in said


def test_workers_without_the_project(cluster, copy):
    shutil.rmtree(copy / "components")
    (copy / "components.py").write_text("")
    with pool_of(copy) as address:
        said = complaint(cluster, address)
    assert "can't import the project: ModuleNotFoundError: No module named 'components.run_start'" in said


def test_workers_with_another_version_of_the_project(cluster, copy):
    with open(copy / "age" / "storage.py", "a") as file:
        file.write("# changed\n")
    with pool_of(copy) as address:
        assert "have another version of the project" in complaint(cluster, address)


def test_cluster_without_enough_slots(cluster):
    total = cluster.overview()["slots-total"]
    said = complaint(cluster, "beam.options.parallelism=9")
    assert f"{total} of {total} slots free" in said and "the run needs 9" in said


def test_job_that_takes_too_long_is_given_up(cluster):
    """Nobody waits for the workers' start here, so that the job is on its way or not even there when time is up."""
    assert "did not finish a job of a few elements within 5 s" in complaint(cluster, seconds=5, kind=ServiceUnavailable)

    def ended():
        jobs = cluster.rest("/jobs/overview")["jobs"]
        return max(jobs, key=lambda job: job["start-time"])["state"] == "CANCELED"

    wait_until(ended, 60, "giving the job up")

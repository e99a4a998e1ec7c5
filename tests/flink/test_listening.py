"""Where a cluster listens, and a run on it, while a job runs."""

import os
import threading

import pytest

from pipeline import configuration
from pipeline.local import local_runner
from tests import listening
from tests.end_to_end.conftest import SMALL_RUN, write_shades
from tests.flink.conftest import overrides

pytestmark = pytest.mark.flink


def of_cluster(cluster):
    return {pid for name in cluster.names for pid in listening.descendants(cluster.pid(name))}


def test_nobody_reaches_the_cluster_or_a_run_on_it_from_another_machine(cluster, tmp_path):
    data = write_shades(tmp_path / "data", count=60)
    configured = configuration.load(
        None, [*SMALL_RUN, *overrides(cluster)], data_dir=str(data), workdir=str(tmp_path / "work")
    )
    idle, seen, over = listening.addresses(of_cluster(cluster)), set(), threading.Event()

    def look():
        while not over.wait(0.1):
            seen.update(listening.addresses(of_cluster(cluster) | listening.descendants(os.getpid())))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        local_runner.explore(configured, lambda line: None)
    finally:
        over.set()
        looking.join()

    assert {cluster.ports[name] for name in cluster.ports} <= {port for _, port in idle}
    assert listening.beyond_loopback(idle) == set()
    # Beam's services in the TaskManagers are there while jobs run.
    assert len(seen - idle) >= 4
    assert listening.beyond_loopback(seen) == set()

"""A standalone Flink cluster on ports of its own, for the time of the tests."""

import pathlib
import socket
import sys
import time
from collections.abc import Callable

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(CHECKOUT / "deploy" / "flink"))
import standalone  # noqa: E402


def free_ports(count: int) -> list[int]:
    """Returns ports that nothing listened on a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def overrides(cluster: standalone.Cluster) -> list[str]:
    """Returns what the configuration says of a cluster."""
    return [
        "beam.runner=FlinkRunner",
        f"beam.options.job_endpoint=localhost:{cluster.ports['job']}",
        f"beam.options.flink_master=localhost:{cluster.ports['rest']}",
        f"beam.options.environment_config=localhost:{cluster.ports['worker']}",
        "beam.options.parallelism=2",
    ]


def workers(cluster: standalone.Cluster) -> list[int]:
    """Returns the process ids of the Python workers."""
    pool = cluster.pid("worker-pool")
    children = pathlib.Path(f"/proc/{pool}/task").glob("*/children")
    return [int(pid) for one in children for pid in one.read_text().split()]


def wait_until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory) -> standalone.Cluster:
    """A cluster that is up; the jars are those of `make flink-up`."""
    ports = dict(zip(standalone.PORTS, free_ports(len(standalone.PORTS))))
    cluster = standalone.Cluster(tmp_path_factory.mktemp("flink"), ports, jars=CHECKOUT / "runs" / "flink")
    try:
        cluster.up()
    except standalone.Refused as error:
        pytest.fail(str(error), pytrace=False)
    yield cluster
    cluster.down()

"""What is found out about a distributed runner where there is none: it ends soon, in one sentence."""

import contextlib
import http.server
import json
import socket
import threading
import time

import pytest

from components.run_start import beam_check
from schemas.bad_input import BadInput
from schemas.failures import ServiceUnavailable


@contextlib.contextmanager
def listening():
    """An address where something listens and never answers."""
    with socket.create_server(("localhost", 0)) as server:
        yield f"localhost:{server.getsockname()[1]}"


@contextlib.contextmanager
def flink(free, total):
    """An address where Flink's REST interface tells of so many slots."""

    class Overview(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"slots-available": free, "slots-total": total, "taskmanagers": 1}).encode())

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("localhost", 0), Overview) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_port}"
        server.shutdown()


def unused():
    with socket.create_server(("localhost", 0)) as server:
        return f"localhost:{server.getsockname()[1]}"


def complaint(*options, seconds=60.0, kind=ServiceUnavailable):
    with pytest.raises(kind) as caught:
        beam_check.check(["--runner=FlinkRunner", *options], seconds)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("runner", ["DirectRunner", "DataflowRunner"])
def test_runners_without_a_job_server_are_not_asked(runner):
    beam_check.check([f"--runner={runner}"])


def test_job_server_that_is_not_there():
    address = unused()
    said = complaint(f"--job_endpoint={address}")
    assert f"beam.options.job_endpoint: Beam's job server does not answer at {address} (" in said and "make flink-up" in said


def test_flink_that_is_not_there():
    with listening() as server:
        assert "beam.options.flink_master: Flink does not answer at" in complaint(
            f"--job_endpoint={server}", f"--flink_master={unused()}"
        )


def test_cluster_that_is_too_small():
    with listening() as server, flink(free=1, total=1) as master:
        said = complaint(f"--job_endpoint={server}", f"--flink_master={master}", "--parallelism=2", kind=BadInput)
    assert "has 1 of 1 slots free, on 1 TaskManagers, and the run needs 2 (beam.options.parallelism)" in said


def test_cluster_that_is_busy_is_waited_for_a_little(monkeypatch):
    monkeypatch.setattr(beam_check, "_SLOT_SECONDS", 2)
    with listening() as server, flink(free=0, total=4) as master:
        began = time.monotonic()
        assert "has 0 of 4 slots free" in complaint(f"--job_endpoint={server}", f"--flink_master={master}")
    assert 2 <= time.monotonic() - began < 10


def test_job_server_that_never_answers_does_not_hold_the_run_up():
    with listening() as server:
        began = time.monotonic()
        said = complaint(f"--job_endpoint={server}", "--environment_config=localhost:50000", seconds=3)
    assert "did not finish a job of a few elements within 3 s" in said
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "there, said",
    [
        ({"problem": "ModuleNotFoundError: No module named 'components'"}, "can't import the project: ModuleNotFoundError"),
        ({"project": "0123456789ab"}, "have another version of the project (0123456789ab)"),
        ({"beam": "2.0.0"}, "have another Beam (2.0.0)"),
    ],
)
def test_workers_that_differ_are_told_from_those_that_fit(there, said):
    here = beam_check.versions()
    beam_check._require_the_same([here, here], "localhost:50000")
    with pytest.raises(BadInput) as caught:
        beam_check._require_the_same([here, {**here, **there}], "localhost:50000")
    assert said in str(caught.value)

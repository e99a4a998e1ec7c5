"""Checks, before a run on a distributed Beam runner begins, that its job server, cluster and workers are fit for it.

A job sent to a cluster that lacks something waits, for minutes or for ever. This ends within a minute, in one sentence.
"""

import hashlib
import importlib.metadata
import json
import pathlib
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import Any, Dict, List, Optional

from schemas.bad_input import BadInput

RUNNERS = ("FlinkRunner", "SparkRunner")
"""The runners that take jobs through a job server and run them in worker pools."""

SECONDS = 60

_REACH_SECONDS = 5
_SLOT_SECONDS = 15
_COUNTED = "age_beam_check"
_PACKAGES = ("components", "schemas")
_COMPARED = (
    ("python", "Python"), ("beam", "Beam"), ("tensorflow", "TensorFlow"), ("project", "version of the project")
)  # fmt: skip

# Travels as text: a pickled function would name modules that a worker may not have.
_PROBE = f"""
import json
try:
    from components import beam_check
    found = beam_check.versions()
except Exception as error:
    found = {{"problem": f"{{type(error).__name__}}: {{error}}"}}
from apache_beam.metrics import Metrics
Metrics.counter("{_COUNTED}", json.dumps(found, sort_keys=True)).inc()
"""


def versions() -> Dict[str, str]:
    """Returns what this process and another one must have the same of to work on one job.

    Returns:
        The versions of `python`, `beam` and `tensorflow`, which is not loaded for it (two workers at once would spend the
        minute on that), and the `project` as the first digits of a SHA-256 over what workers run of it.
    """
    root = pathlib.Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes() + b"\0")
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "beam": importlib.metadata.version("apache-beam"),
        "tensorflow": importlib.metadata.version("tensorflow"),
        "project": digest.hexdigest()[:12],
    }


def check(arguments: List[str], seconds: float = SECONDS) -> None:
    """Sends a job of a few elements, whose workers say which versions they have; does nothing on other runners.

    Args:
        arguments: the command line of Beam's pipelines, `--name=value` each.
        seconds: after so many it has ended, one way or the other.

    Raises:
        BadInput: the job server does not answer, the cluster has no free slots, no worker pool answers, or its workers can't
            import the project or have another version of it.
    """
    options = dict(word[2:].partition("=")[::2] for word in arguments)
    if options.get("runner") not in RUNNERS:
        return
    deadline = time.monotonic() + seconds
    _require_job_server(options["job_endpoint"])
    if "flink_master" in options:
        _require_free_slots(options["flink_master"], int(options.get("parallelism") or 1), deadline)
    job = _Job(arguments)
    job.thread.join(max(0, deadline - time.monotonic()))
    pool = options.get("environment_config", "this process")
    if job.thread.is_alive():
        job.cancel()
        raise BadInput(
            f"The cluster behind Beam's job server {options['job_endpoint']} did not finish a job of a few elements within "
            f"{seconds:g} s. Either it has no free slots (its web interface tells), or its TaskManagers wait for workers from "
            f"{pool} (beam.options.environment_config)."
        )
    if job.error is not None:
        raise _failure(job.error, options["job_endpoint"], pool)
    _require_the_same(job.found, pool)


def _require_job_server(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS):
            pass
    except OSError as error:
        raise BadInput(
            f"beam.options.job_endpoint: Beam's job server does not answer at {endpoint} ({error.strerror or error}). Start it "
            "(on one machine: make flink-up), or correct the address."
        ) from error


def _require_free_slots(master: str, needed: int, deadline: float) -> None:
    """Waits a little for slots: a job that has just ended gives its own back a moment later."""
    deadline = min(deadline, time.monotonic() + _SLOT_SECONDS)
    while True:
        try:
            with urllib.request.urlopen(f"http://{master}/overview", timeout=_REACH_SECONDS) as answer:
                overview = json.load(answer)
                free, total, managers = (overview[key] for key in ("slots-available", "slots-total", "taskmanagers"))
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = getattr(error, "reason", error)
            raise BadInput(
                f"beam.options.flink_master: Flink does not answer at http://{master}/overview ({reason}). Start the cluster "
                "(on one machine: make flink-up), or correct the address."
            ) from error
        if free >= needed:
            return
        if total < needed or time.monotonic() > deadline:
            raise BadInput(
                f"The Flink cluster at {master} has {free} of {total} slots free, on {managers} TaskManagers, and the run needs "
                f"{needed} (beam.options.parallelism). Wait for other jobs to end, add TaskManagers, or lower the parallelism."
            )
        time.sleep(0.5)


class _Job:
    """The probe on its way: in a thread, because a job server that does not answer would keep whoever waits for it."""

    def __init__(self, arguments: List[str]):
        self.found: List[Dict[str, str]] = []
        self.error: Optional[BaseException] = None
        self._arguments = arguments
        self._result: Any = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        import apache_beam as beam
        from apache_beam.metrics import MetricsFilter
        from apache_beam.options.pipeline_options import PipelineOptions

        try:
            # Without this experiment Beam lists the installed packages first.
            options = PipelineOptions([*self._arguments, "--experiments=disable_logging_submission_environment"])
            elements = 4 * max(1, int(options.get_all_options().get("parallelism") or 1))
            pipeline = beam.Pipeline(options=options)
            _ = (
                pipeline
                | beam.Create([_PROBE] * elements, reshuffle=False)
                | beam.Reshuffle()
                | beam.Map(exec, {})
            )
            self._result = pipeline.run()
            self._result.wait_until_finish()
            counters = self._result.metrics().query(MetricsFilter().with_namespace(_COUNTED))["counters"]
            self.found = [json.loads(counter.key.metric.name) for counter in counters]
        except BaseException as error:
            self.error = error

    def cancel(self) -> None:
        """Asks the job server to give the job up, without waiting for it."""
        if self._result is not None:
            threading.Thread(target=self._result.cancel, daemon=True).start()


def _failure(error: BaseException, endpoint: str, pool: str) -> BadInput:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    text = " ".join(lines)
    if "UNAVAILABLE" in text and "grpc_status" not in text:
        return BadInput(
            f"beam.options.environment_config: no pool of Python workers answers the cluster at {pool}. Start one beside each "
            "TaskManager (on one machine: make flink-up), or correct the address."
        )
    return BadInput(f"The job server {endpoint} took a job of a few elements, and it failed: {lines[-1][:500]}")


def _require_the_same(found: List[Dict[str, str]], pool: str) -> None:
    here = versions()
    for there in found:
        if "problem" in there:
            raise BadInput(
                f"The Python workers from the pool {pool} can't import the project: {there['problem']}. Start the pool with this "
                "project installed (on one machine: make flink-up; on Kubernetes: the image of kubeflow.image)."
            )
        for what, name in _COMPARED:
            if there[what] != here[what]:
                raise BadInput(
                    f"The Python workers from the pool {pool} have another {name} ({there[what]}) than this run ({here[what]}). "
                    "Start the pool from the same installation (on one machine: make flink-down flink-up; on Kubernetes: the "
                    "same image)."
                )
    if not found:
        raise BadInput(f"The Python workers from the pool {pool} did a job without saying which versions they have.")

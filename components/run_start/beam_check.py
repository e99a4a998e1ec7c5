"""Checks, before a run on a distributed Beam runner begins, that its job server, cluster and workers are fit for it.

A job sent to a cluster that lacks something waits, for minutes or for ever. This ends within a minute, in one sentence.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import pathlib
import socket
import sys
import threading
import time
import urllib.request
import uuid
from typing import Any

from schemas.bad_input import BadInput
from schemas.failures import Failure, ServiceUnavailable

RUNNERS = ("FlinkRunner", "SparkRunner")
"""The runners that take jobs through a job server and run them in worker pools."""

SECONDS = 60

_REACH_SECONDS = 5
_SLOT_SECONDS = 15
_COUNTED = "age_beam_check"
_PACKAGES = ("schemas", "age", "components")
_COMPARED = (
    ("python", "Python"), ("beam", "Beam"), ("tensorflow", "TensorFlow"), ("project", "version of the project")
)  # fmt: skip

# Travels as text: a pickled function would name modules that a worker may not have.
_PROBE = f"""
import json
try:
    from components.run_start import beam_check
    found = beam_check.versions()
except Exception as error:
    found = {{"problem": f"{{type(error).__name__}}: {{error}}"}}
from apache_beam.metrics import Metrics
Metrics.counter("{_COUNTED}", json.dumps(found, sort_keys=True)).inc()
"""


def versions() -> dict[str, str]:
    """Returns what this process and another one must have the same of to work on one job.

    Returns:
        The versions of `python`, `beam` and `tensorflow`, which is not loaded for it (two workers at once would spend the
        minute on that), and the `project` as the first digits of a SHA-256 over what workers run of it.
    """
    root = pathlib.Path(__file__).resolve().parents[2]
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


def check(arguments: list[str], seconds: float = SECONDS) -> None:
    """Sends a job of a few elements, whose workers say which versions they have; does nothing on other runners.

    Args:
        arguments: the command line of Beam's pipelines, `--name=value` each.
        seconds: after so many it has ended, one way or the other.

    Raises:
        ServiceUnavailable: the job server, the cluster or the worker pool does not answer, or all slots are taken.
        BadInput: the cluster is too small, it can't do the job, or its workers can't import the project or have another
            version of it.
    """
    options = dict(word[2:].partition("=")[::2] for word in arguments)
    if options.get("runner") not in RUNNERS:
        return
    deadline = time.monotonic() + seconds
    endpoint, pool = options["job_endpoint"], options.get("environment_config", "this process")
    _require_job_server(endpoint)
    flink = _Flink(options["flink_master"]) if "flink_master" in options else None
    if flink:
        flink.require_free_slots(int(options.get("parallelism") or 1), deadline)
    job = _Job(arguments)
    # Flink tries a job again that failed, for longer than anybody wants to wait, and tells Beam nothing until it gives up.
    while job.is_alive() and time.monotonic() < deadline:
        job.join(min(1, max(0, deadline - time.monotonic())))
        failure = flink.failure(job.name) if flink and job.is_alive() else None
        if failure:
            flink.cancel(job.name)
            raise _failed_probe(failure, endpoint, pool)
    if job.is_alive():
        if flink:
            flink.cancel(job.name)
        raise ServiceUnavailable(
            f"The cluster behind Beam's job server {endpoint} did not finish a job of a few elements within {seconds:g} s. Either "
            f"it has no free slots (its web interface tells), or it waits for workers from {pool} "
            "(beam.options.environment_config)."
        )
    if job.error is not None:
        raise _failed_probe(str(job.error) or type(job.error).__name__, endpoint, pool)
    _require_the_same(job.found, pool)


def _require_job_server(endpoint: str) -> None:
    host, _, port = endpoint.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS):
            pass
    except OSError as error:
        raise ServiceUnavailable(
            f"beam.options.job_endpoint: Beam's job server does not answer at {endpoint} ({error.strerror or error}). Start it "
            "(on one machine: make flink-up), or correct the address."
        ) from error


class _Flink:
    """Flink's REST interface.

    Args:
        master: its address, `host:port`.
    """

    def __init__(self, master: str):
        self._master = master

    def _ask(self, path: str, method: str = "GET") -> dict[str, Any]:
        request = urllib.request.Request(f"http://{self._master}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=_REACH_SECONDS) as answer:
                return json.load(answer)
        except (OSError, ValueError) as error:
            raise ServiceUnavailable(
                f"beam.options.flink_master: Flink does not answer at http://{self._master}{path} "
                f"({getattr(error, 'reason', error)}). Start the cluster (on one machine: make flink-up), or correct the address."
            ) from error

    def require_free_slots(self, needed: int, deadline: float) -> None:
        """Waits a little for slots: a job that has just ended gives its own back a moment later."""
        deadline = min(deadline, time.monotonic() + _SLOT_SECONDS)
        while True:
            overview = self._ask("/overview")
            free, total, managers = (overview.get(key, 0) for key in ("slots-available", "slots-total", "taskmanagers"))
            if free >= needed:
                return
            if total < needed or time.monotonic() > deadline:
                kind = BadInput if total < needed else ServiceUnavailable
                raise kind(
                    f"The Flink cluster at {self._master} has {free} of {total} slots free, on {managers} TaskManagers, and the "
                    f"run needs {needed} (beam.options.parallelism). Wait for other jobs to end, add TaskManagers, or lower the "
                    "parallelism."
                )
            time.sleep(0.5)

    def _id(self, job_name: str) -> str | None:
        return next((job["jid"] for job in self._ask("/jobs/overview")["jobs"] if job["name"] == job_name), None)

    def failure(self, job_name: str) -> str | None:
        """Returns the stack trace of a job's first failure, if it has failed so far."""
        job = self._id(job_name)
        entries = self._ask(f"/jobs/{job}/exceptions")["exceptionHistory"]["entries"] if job else []
        return entries[-1]["stacktrace"] if entries else None

    def cancel(self, job_name: str) -> None:
        """Cancels a job in the background, also one that arrives a little later."""

        def cancel():
            deadline = time.monotonic() + SECONDS
            with contextlib.suppress(Failure):
                while (job := self._id(job_name)) is None and time.monotonic() < deadline:
                    time.sleep(1)
                if job:
                    self._ask(f"/jobs/{job}?mode=cancel", "PATCH")

        threading.Thread(target=cancel, daemon=True).start()


class _Job(threading.Thread):
    """The probe on its way: in a thread, because a job server that does not answer would keep whoever waits for it."""

    def __init__(self, arguments: list[str]):
        super().__init__(name=f"age-beam-check-{uuid.uuid4().hex[:12]}", daemon=True)
        self.found: list[dict[str, str]] = []
        self.error: BaseException | None = None
        self._arguments = arguments
        self.start()

    def run(self):
        import apache_beam as beam
        from apache_beam.metrics import MetricsFilter
        from apache_beam.options.pipeline_options import PipelineOptions

        try:
            # Without this experiment Beam lists the installed packages first.
            more = [f"--job_name={self.name}", "--experiments=disable_logging_submission_environment"]
            options = PipelineOptions([*self._arguments, *more])
            elements = 4 * max(1, int(options.get_all_options().get("parallelism") or 1))
            pipeline = beam.Pipeline(options=options)
            probes = pipeline | beam.Create([_PROBE] * elements, reshuffle=False) | beam.Reshuffle()
            _ = probes | beam.Map(exec, {})
            result = pipeline.run()
            result.wait_until_finish()
            counters = result.metrics().query(MetricsFilter().with_namespace(_COUNTED))["counters"]
            self.found = [json.loads(counter.key.metric.name) for counter in counters]
        except BaseException as error:
            self.error = error


def _failed_probe(failure: str, endpoint: str, pool: str) -> Failure:
    """Returns the sentence for what went wrong in the probe: the text of an exception, or Java's stack trace."""
    if "BeamFnExternalWorkerPool" in failure or "UNAVAILABLE: io exception" in failure:
        return ServiceUnavailable(
            f"beam.options.environment_config: no pool of Python workers answers the cluster at {pool}. Start one beside each "
            "TaskManager (on one machine: make flink-up), or correct the address."
        )
    lines = [line.strip() for line in failure.splitlines() if line.strip() and not line.lstrip().startswith(("at ", "..."))]
    return BadInput(f"The job server {endpoint} took a job of a few elements, and it failed: {lines[-1][:500]}")


def _require_the_same(found: list[dict[str, str]], pool: str) -> None:
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

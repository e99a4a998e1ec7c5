"""Containers: commands as processes, with files, environment and limits of their own."""

import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

from tests.kubeflow.imitation import container_server


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a container ended.

    Attributes:
        status: its exit status, negative when a signal ended it.
        peak_memory: bytes that it held at most.
        log: what it wrote to standard output and error.
    """

    status: int
    peak_memory: int
    log: str


class Containers:
    """Starts containers one after the other.

    Args:
        environment: variables of every container; its `PYTHONPATH` is where the image's packages are.
        directory: where the process that they are forked from works.
        modules: what it imports beforehand, and after a colon what it calls there.
    """

    def __init__(self, environment: dict[str, str], directory: pathlib.Path, modules: list[str]):
        self._environment = environment
        self._server = subprocess.Popen(
            [sys.executable, container_server.__file__, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=directory,
            env=environment,
            text=True,
        )
        self._answer()

    def _answer(self) -> dict[str, int]:
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that containers are forked from ended with {self._server.wait()}")
        return json.loads(line)

    def run(
        self,
        command: list[str],
        directory: pathlib.Path,
        environment: dict[str, str],
        log: pathlib.Path,
        time_limit: float,
        end_after: float | None = None,
    ) -> Ended:
        """Runs a container to its end.

        Args:
            command: what the launcher starts.
            directory: where it works.
            environment: its variables, beside those of every container.
            log: a file for what it writes.
            time_limit: seconds after which it is killed.
            end_after: seconds after which its node goes away, if it does.
        """
        request = {
            "command": command,
            "directory": str(directory),
            "environment": {**self._environment, **environment},
            "log": str(log),
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        process = self._answer()["process"]
        with _killed_after(process, min(time_limit, end_after or time_limit)):
            ended = self._answer()
        return Ended(ended["status"], ended["peak_memory"], log.read_text(errors="replace") if log.exists() else "")

    def close(self) -> None:
        self._server.stdin.close()
        self._server.wait(timeout=60)
        self._server.stdout.close()


@contextlib.contextmanager
def _killed_after(process: int, seconds: float) -> Iterator[None]:
    def kill():
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)

    timer = threading.Timer(seconds, kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()

"""A server as a process of its own, in the environment that servers have."""

import base64
import contextlib
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests import brightness_model

ROOT = pathlib.Path(__file__).parents[3]


class RunningServer:
    """A server that was started: its address, and the lines of its log as they come."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None):
        self.process = subprocess.Popen(
            [
                sys.executable,
                str(pathlib.Path(__file__).with_name("small_environment.py")),
                "serve",
                "--port",
                "0",
                *arguments,
            ],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        self.log: list[dict] = []
        self.other_lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self.logged("listening")["port"])
        self.address = f"http://127.0.0.1:{self.port}"

    def _read(self) -> None:
        for line in self.process.stderr:
            try:
                self.log.append(json.loads(line))
            except ValueError:
                self.other_lines.append(line)

    def logged(self, message: str, **facts) -> dict:
        """Waits for a line of the log, and returns it."""
        # TensorFlow loads slowly on a busy machine.
        for _ in range(6000):
            for line in list(self.log):
                if line["message"] == message and facts.items() <= line.items():
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"nothing like {message!r} {facts} in the log. {self.said()}")

    def said(self) -> str:
        """Returns what tells how the server came to where it is: its events, few of its requests, and what its threads do."""
        events = [line for line in self.log if line["message"] != "request"]
        requests = [line for line in self.log if line["message"] == "request"]
        threads = []
        for task in sorted(pathlib.Path(f"/proc/{self.process.pid}/task").glob("*")):
            with contextlib.suppress(OSError):
                state = re.search(r"^State:\s*(.*)$", (task / "status").read_text(), re.MULTILINE)
                threads.append(
                    f"{(task / 'comm').read_text().strip()} {state[1] if state else ''} in {(task / 'wchan').read_text()}"
                )
        return (
            f"Its events: {events[:20]} … {events[20:][-10:]}. {len(requests)} requests, the last: {requests[-2:]}. Other lines: "
            f"{self.other_lines[:20]} … {self.other_lines[20:][-10:]}. Exit status: {self.process.poll()}. Threads: {threads}"
        )

    def get(self, path: str, **headers: str) -> tuple[int, dict, dict]:
        return self.send(urllib.request.Request(self.address + path, headers=headers))

    def post(self, path: str, content: object, **headers: str) -> tuple[int, dict, dict]:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return self.send(urllib.request.Request(self.address + path, body, headers))

    @staticmethod
    def send(request: urllib.request.Request) -> tuple[int, dict, dict]:
        """Returns status, content and headers (names in small letters) of the answer."""
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, headers, body = answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            status, headers, body = error.code, error.headers, error.read()
        return status, json.loads(body), {name.lower(): value for name, value in headers.items()}

    def wait_until_it_serves(self, version: int) -> None:
        for _ in range(6000):
            status, _, headers = self.get("/v2/models/age/ready")
            if status == 200 and headers["model-version"] == str(version):
                return
            time.sleep(0.02)
        raise AssertionError(f"version {version} was not taken up. {self.said()}")

    def end(self) -> int:
        """Ends it as a cluster does, and returns its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def running(*arguments: str, environment: dict[str, str] | None = None) -> Iterator[RunningServer]:
    server = RunningServer(*arguments, environment=environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait()


def in_base64(photograph: bytes) -> str:
    return base64.b64encode(photograph).decode("ascii")


def instances(*photographs: bytes) -> dict:
    """Returns a request in TensorFlow Serving's form."""
    return {"instances": [{"image_bytes": {"b64": in_base64(one)}} for one in photographs]}


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Makes models whose answers differ by an offset, each once."""
    made: dict[float, str] = {}

    def make(offset: float) -> str:
        if offset not in made:
            made[offset] = brightness_model.write_model(tmp_path_factory.mktemp("models") / "exported", offset)
        return made[offset]

    return make


@pytest.fixture
def age_pipeline_here():
    """Runs a command and returns the finished process, output as text."""

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "pipeline", *arguments], capture_output=True, text=True, cwd=ROOT, timeout=120
        )

    return run

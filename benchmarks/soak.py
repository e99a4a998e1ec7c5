"""`make soak`: asks a server for ten minutes, well and badly, while versions are pushed, rolled back, withdrawn and restored under it.

Every answer is checked against the version that it names, and every refusal against what it should be. Models answer with how bright a
photograph is and an offset of their own, so that what each of them must say is known.
"""

import base64
import collections
import contextlib
import dataclasses
import io
import json
import os
import pathlib
import random
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable

import click

from age.serving.serving_directory import ServingDirectory

_MODELS = 6
_SECONDS_BETWEEN_CHANGES = 4.0
_TAKE_UP_SECONDS = 60.0
_YEARS = 2e-3
_PREDICT, _INFER = "/v1/models/age:predict", "/v2/models/age/infer"
_LIMITS = {"max_body": 300_000, "max_waiting": 3_000_000, "max_pixels": 1_000_000, "request_seconds": 2, "look_seconds": 0.2}


@click.command()
@click.option("--minutes", default=10.0, show_default=True, help="How long it lasts.")
@click.option("--clients", default=8, show_default=True, help="How many ask at once.")
@click.option("--seed", default=0, show_default=True, help="Of what they ask, and of what becomes of versions.")
def main(minutes, clients, seed):
    """Ask a server of this machine, well and badly, while its versions change; fail where an answer is not what it must be."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as scratch:
        wrong = run(pathlib.Path(scratch), minutes, clients, seed, click.echo)
    for sentence in wrong[:20]:
        click.echo(f"WRONG: {sentence}")
    if wrong:
        raise click.ClickException(f"{len(wrong)} things went wrong.")


def run(scratch: pathlib.Path, minutes: float, clients: int, seed: int, say: Callable[[str], None]) -> list[str]:
    """Soaks a server, says what was measured, and returns what went wrong."""
    from tests import brightness_model

    models = {float(offset): brightness_model.write_model(scratch / f"model{offset}", offset) for offset in range(_MODELS)}
    directory = ServingDirectory(str(scratch / "serving" / "age"))
    versions = Versions(directory, models, random.Random(seed))
    versions.push(0.0)
    with Server(directory.path, scratch / "log") as server:
        server.wait_for(versions.newest())
        began, memory = time.monotonic(), [server.memory_mib()]
        ends = began + 60 * minutes
        asking = [Client(server, versions, random.Random(f"{seed}.{number}"), ends) for number in range(clients)]
        for client in asking:
            client.start()
        taken_up = versions.change_until(ends, server, memory)
        for client in asking:
            client.join()
        seconds = time.monotonic() - began
        wrong = [sentence for client in asking for sentence in client.wrong] + versions.wrong
        wrong += server.what_is_left()
        memory.append(server.memory_mib())
        wrong += server.end()
    statuses = sum((client.statuses for client in asking), collections.Counter())
    answered = sorted(took for client in asking for took in client.seconds)
    say(
        f"{sum(statuses.values()):,} requests of {clients} clients in {seconds / 60:.1f} min: {dict(sorted(statuses.items()))}"
    )
    say(
        f"answers: median {1000 * statistics.median(answered):.0f} ms, 99 % within {1000 * answered[len(answered) * 99 // 100]:.0f} ms, "
        f"the slowest {answered[-1]:.1f} s"
    )
    named = sum((client.versions for client in asking), collections.Counter())
    say(f"versions: {len(versions.offsets)} were served, {len(named)} answered; {dict(versions.changes)}")
    if taken_up:
        say(f"taken up after {statistics.median(taken_up):.1f} s at the median, {max(taken_up):.1f} s at most")
    say(f"memory: {memory[0]:.0f} MiB at first, {max(memory):.0f} at most, {memory[-1]:.0f} at the end")
    say(f"wrong: {len(wrong)}")
    return wrong


class Versions:
    """The versions of a serving directory, what each must answer, and what becomes of them.

    Attributes:
        offsets: what each version adds, in years.
        changes: how often what was done.
        wrong: what went wrong while it was.
    """

    def __init__(self, directory: ServingDirectory, models: dict[float, str], chance: random.Random):
        self._directory, self._models, self._chance = directory, models, chance
        self._waiting = list(models)
        # Which version was the newest since when, time.monotonic().
        self._newest_since: list[tuple[float, int]] = []
        self.offsets: dict[int, float] = {}
        self.changes: collections.Counter[str] = collections.Counter()
        self.wrong: list[str] = []

    def newest(self) -> int:
        return self._directory.versions()[0].version

    def push(self, offset: float) -> None:
        self._waiting.remove(offset)
        # A client may hear of a version before this returns.
        expected = max([one.version for one in self._directory.versions() + self._directory.withdrawn()], default=0)
        published = self._directory.publish(self._models[offset]).served.version
        assert published > expected
        self.offsets[published] = offset
        self._note("pushed")

    def _note(self, what: str) -> None:
        self.changes[what] += 1
        self._newest_since.append((time.monotonic(), self.newest()))

    def offset_of(self, version: int) -> float:
        """Returns what a version adds; a version that was just pushed may take a moment to be known."""
        for _ in range(500):
            if version in self.offsets:
                return self.offsets[version]
            time.sleep(0.01)
        raise KeyError(f"version {version} was never pushed")

    def may_answer(self, version: int, asked: float) -> bool:
        """Says whether a version was the newest at some time in the minute before a request was made, or later.

        A change may take a moment to be known.
        """
        for _ in range(500):
            until = [*(since for since, _ in self._newest_since[1:]), float("inf")]
            if any(one == version and end > asked - _TAKE_UP_SECONDS for (_, one), end in zip(self._newest_since, until)):
                return True
            time.sleep(0.01)
        return False

    def change_until(self, ends: float, server: "Server", memory: list[float]) -> list[float]:
        """Changes what is served again and again, and returns the seconds in which each change was taken up."""
        took = []
        while time.monotonic() + _SECONDS_BETWEEN_CHANGES < ends:
            time.sleep(_SECONDS_BETWEEN_CHANGES)
            self._change()
            began = time.monotonic()
            try:
                server.wait_for(self.newest())
            except TimeoutError as error:
                self.wrong.append(str(error))
            took.append(time.monotonic() - began)
            memory.append(server.memory_mib())
        return took

    def _change(self) -> None:
        there, gone = self._directory.versions(), self._directory.withdrawn()
        possible = [self._push_one] if self._waiting else []
        possible += [self._roll_back, self._withdraw] if len(there) > 1 else []
        possible += [self._restore] if gone else []
        self._chance.choice(possible)()

    def _push_one(self) -> None:
        self.push(self._chance.choice(self._waiting))

    def _roll_back(self) -> None:
        self._directory.carry_out(self._directory.planned_rollback)
        self._note("rolled back")

    def _withdraw(self) -> None:
        version = self._chance.choice(self._directory.versions()).version
        self._directory.carry_out(lambda: self._directory.planned_withdrawal(version))
        self._note("withdrawn")

    def _restore(self) -> None:
        version = self._chance.choice(self._directory.withdrawn()).version
        self._directory.carry_out(lambda: self._directory.planned_restoring(version))
        self._note("restored")


class Server:
    """A server of this machine, its log in a file. A context manager."""

    def __init__(self, directory: str, log: pathlib.Path):
        self._log = log
        limits = [word for name, value in _LIMITS.items() for word in ("--set", f"serve.{name}={value}")]
        command = [sys.executable, "-m", "pipeline", "serve", "--port", "0", "--serving-dir", directory, *limits]
        with open(log, "wb") as file:
            self._process = subprocess.Popen(command, stderr=file)
        self.port = 0

    def __enter__(self) -> "Server":
        try:
            for _ in range(6000):
                listening = [line for line in self._events() if line["message"] == "listening"]
                if listening:
                    self.port = listening[0]["port"]
                    return self
                if self._process.poll() is not None:
                    break
                time.sleep(0.02)
            raise RuntimeError(f"the server does not listen: {self._log.read_text()[-2000:]}")
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    def _events(self) -> list[dict]:
        found = []
        for line in self._log.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Returns status, headers (names in small letters) and body."""
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body or None, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def raw(self, *parts: bytes) -> bytes:
        """Sends bytes and returns what comes back until the server closes, or nothing has come for half a minute."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection, contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
            while some := connection.recv(1 << 16):
                received += some
        return received

    def wait_for(self, version: int) -> None:
        deadline = time.monotonic() + _TAKE_UP_SECONDS
        while time.monotonic() < deadline:
            status, headers, _ = self.ask("GET", "/v2/models/age/ready")
            if status == 200 and headers.get("model-version") == str(version):
                return
            time.sleep(0.05)
        raise TimeoutError(f"version {version} was not taken up within {_TAKE_UP_SECONDS:g} s")

    def memory_mib(self) -> float:
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+)", status, re.MULTILINE)
        return int(found[1]) / 1024 if found else 0.0

    def what_is_left(self) -> list[str]:
        """Says what the server still holds when nobody asks any more, and what it failed at."""
        metrics = self.ask("GET", "/metrics")[2].decode()
        held = {
            name: float(value)
            for name, value in re.findall(r"^(age_requests_in_flight|age_waiting_bytes) (\S+)$", metrics, re.M)
        }
        wrong = [f"{name} is {value:g} when nobody asks" for name, value in held.items() if value]
        wrong += [] if len(held) == 2 else ["the metrics of what is held are missing"]
        return wrong + [
            f"the log has {line}" for line in self._events() if line["level"] in ("error", "critical") or "traceback" in line
        ]

    def end(self) -> list[str]:
        self._process.terminate()
        try:
            status = self._process.wait(60)
        except subprocess.TimeoutExpired:
            return ["the server did not end within 60 s of SIGTERM"]
        return [] if status == 0 else [f"the server ended with {status}"]


@dataclasses.dataclass(frozen=True)
class _Photograph:
    """A photograph, and how bright it is in per cent; None for what can't be read."""

    encoded: bytes
    brightness: float | None


class Client(threading.Thread):
    """Asks until it is time, each time something else.

    Attributes:
        wrong: what was not answered as it must be.
        statuses: of HTTP, how often.
        versions: that answered, how often.
        seconds: that answers with ages took.
    """

    def __init__(self, server: Server, versions: Versions, chance: random.Random, ends: float):
        super().__init__(daemon=True)
        self._server, self._versions, self._chance, self._ends = server, versions, chance, ends
        self.wrong: list[str] = []
        self.statuses: collections.Counter[int] = collections.Counter()
        self.versions: collections.Counter[int] = collections.Counter()
        self.seconds: list[float] = []
        good = [
            self._rows,
            self._columns,
            self._tensor_in_json,
            self._tensor_in_binary,
            self._with_bad_ones,
            self._one_version,
        ]
        bad = [
            self._no_json,
            self._wrong_types,
            self._no_photograph,
            self._bomb,
            self._too_large,
            self._elsewhere,
            self._slow,
            self._gone_before_the_end,
        ]
        self._questions = good * 6 + bad

    def run(self) -> None:
        while time.monotonic() < self._ends:
            question = self._chance.choice(self._questions)
            try:
                question()
            except Exception as error:
                self.wrong.append(f"{question.__name__}: {type(error).__name__}: {error}")

    def _ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, dict[str, str], bytes]:
        answer = self._server.ask(method, path, body, **headers)
        self.statuses[answer[0]] += 1
        return answer

    def _expect(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.wrong.append(sentence)

    def _photograph(self) -> _Photograph:
        from PIL import Image

        shade, side = self._chance.randrange(256), self._chance.choice((16, 64, 200))
        file = io.BytesIO()
        Image.new("RGB", (side, side), (shade,) * 3).save(file, self._chance.choice(("PNG", "JPEG")))
        return _Photograph(file.getvalue(), 100 * shade / 255)

    def _photographs(self) -> list[_Photograph]:
        return [self._photograph() for _ in range(self._chance.choice((1, 1, 1, 2, 5, 12)))]

    def _unreadable(self) -> _Photograph:
        whole = self._photograph().encoded
        return _Photograph(self._chance.choice((b"", b"GIF89a", self._chance.randbytes(2000), whole[: len(whole) // 2])), None)

    def _check(self, began: float, version: str, asked: list[_Photograph], ages: list[float | None]) -> None:
        """Looks whether the version that is named answered so, and might have."""
        self.seconds.append(time.monotonic() - began)
        number = int(version)
        offset = self._versions.offset_of(number)
        expected = [None if one.brightness is None else one.brightness + offset for one in asked]
        same = len(ages) == len(expected) and all(
            (age is None) == (right is None) and (age is None or abs(age - right) < _YEARS)
            for age, right in zip(ages, expected)
        )
        self._expect(same, f"version {version} answered {ages}, and should have {expected}")
        self._expect(self._versions.may_answer(number, began), f"version {version} answered, which is not served any more")
        self.versions[number] += 1

    @staticmethod
    def _base64(one: _Photograph) -> str:
        return base64.b64encode(one.encoded).decode()

    def _rows(self, asked: list[_Photograph] | None = None, path: str = _PREDICT) -> None:
        asked = asked or self._photographs()
        began = time.monotonic()
        body = json.dumps({"instances": [{"b64": self._base64(one)} for one in asked]}).encode()
        status, headers, content = self._ask("POST", path, body)
        if status == 404 and path != _PREDICT:
            return
        self._expect(status == 200, f"rows: {status} {content[:200]!r}")
        if status == 200:
            answer = json.loads(content)
            self._expect(headers["model-version"] == answer["model_version"], "header and body name different versions")
            self._check(began, answer["model_version"], asked, answer["predictions"])

    def _columns(self) -> None:
        asked, began = self._photographs(), time.monotonic()
        body = json.dumps({"inputs": {"image_bytes": [{"b64": self._base64(one)} for one in asked]}}).encode()
        status, _, content = self._ask("POST", _PREDICT, body)
        self._expect(status == 200, f"columns: {status} {content[:200]!r}")
        if status == 200:
            self._check(began, json.loads(content)["model_version"], asked, json.loads(content)["outputs"])

    def _with_bad_ones(self) -> None:
        asked = [*self._photographs(), self._unreadable(), self._unreadable()]
        self._chance.shuffle(asked)
        self._rows(asked)

    def _one_version(self) -> None:
        """Asks for a version by its number, which may not be the one being served."""
        version = self._chance.choice(list(self._versions.offsets))
        self._rows(path=f"/v1/models/age/versions/{version}:predict")

    def _tensor_in_json(self) -> None:
        asked, began = self._photographs(), time.monotonic()
        given = {
            "name": "image_bytes",
            "datatype": "BYTES",
            "shape": [len(asked)],
            "data": [self._base64(one) for one in asked],
        }
        self._infer(asked, began, json.dumps({"inputs": [given], "outputs": [{"name": "age"}]}).encode())

    def _tensor_in_binary(self) -> None:
        asked, began = self._photographs(), time.monotonic()
        tensor = b"".join(struct.pack("<I", len(one.encoded)) + one.encoded for one in asked)
        given = {
            "name": "image_bytes",
            "datatype": "BYTES",
            "shape": [len(asked)],
            "parameters": {"binary_data_size": len(tensor)},
        }
        head = json.dumps({"inputs": [given], "outputs": [{"name": "age"}]}).encode()
        self._infer(asked, began, head + tensor, Inference_Header_Content_Length=str(len(head)))

    def _infer(self, asked: list[_Photograph], began: float, body: bytes, **headers: str) -> None:
        status, _, content = self._ask("POST", _INFER, body, **headers)
        self._expect(status == 200, f"tensor: {status} {content[:200]!r}")
        if status == 200:
            answer = json.loads(content)
            self._check(began, answer["model_version"], asked, answer["outputs"][0]["data"])

    def _refused(self, expected: int, method: str, path: str, body: bytes = b"", **headers: str) -> None:
        status, _, content = self._ask(method, path, body, **headers)
        right = status == expected and bool(json.loads(content)["error"])
        self._expect(right, f"{method} {path[:80]} should be {expected}, and is {status} {content[:200]!r}")

    def _no_json(self) -> None:
        body = self._chance.choice((b"{", b"[" * 50_000, b"\xff\xfe\x00", b"[]", b"null", self._chance.randbytes(5000)))
        self._refused(400, "POST", self._chance.choice((_PREDICT, _INFER)), body)

    def _wrong_types(self) -> None:
        content = self._chance.choice(
            ({"instances": {}}, {"instances": [7]}, {"instances": [{"b64": 7}]}, {"inputs": [{"b64": "%"}]})
        )
        self._refused(400, "POST", _PREDICT, json.dumps(content).encode())

    def _no_photograph(self) -> None:
        body = json.dumps({"instances": [{"b64": self._base64(self._unreadable())}]}).encode()
        self._refused(422, "POST", _PREDICT, body)

    def _bomb(self) -> None:
        """A few bytes of PNG that claim 8192x8192 pixels, many times."""
        claims = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 8192, 8192, 8, 2, 0, 0, 0) + b"\0" * 4
        bombs = [{"b64": base64.b64encode(claims).decode()}] * 100
        self._refused(422, "POST", _PREDICT, json.dumps({"instances": bombs}).encode())

    def _too_large(self) -> None:
        self._refused(413, "POST", _PREDICT, b"x" * (_LIMITS["max_body"] + 1))

    def _elsewhere(self) -> None:
        path = self._chance.choice(("..%2f..%2fetc", "%00", "1e9", "-1", "9" * 30, "..", "%f0%9f%91%b6"))
        self._refused(404, "GET", f"/v1/models/age/versions/{path}/metadata")

    def _slow(self) -> None:
        answer = self._server.raw(f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode())
        self._expect(answer.startswith(b"HTTP/1.1 408"), f"a slow body should be 408, and is {answer[:80]!r}")
        self.statuses[408] += 1

    def _gone_before_the_end(self) -> None:
        with socket.create_connection(("127.0.0.1", self._server.port), timeout=5) as connection:
            connection.sendall(f"POST {_PREDICT} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{{".encode())


if __name__ == "__main__":
    main()

"""What asking a model costs beside the model itself: `predict` on files, and the server with one client and with sixteen."""

import base64
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator

from age.dataset import image_folder, label_file
from age.serving import Predictor
from age.serving.predictor import BATCH
from age.serving.serving_directory import ServingDirectory
from schemas import features

_PHOTOGRAPHS = 640
_CLIENTS = 16
_IMAGE_SIZE = 128


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields how fast ResNet50 at 128 pixels answers from memory, from files, and over HTTP; the two sides run in turn.

    Its weights are random, which makes no difference to how long it takes.
    """
    directory = os.path.join(scratch, "serving", "age")
    ServingDirectory(directory).publish(_export(os.path.join(scratch, "model")))
    predictor = Predictor.load(directory)
    found = _read(data)
    photographs = [one for one, answer in zip(found, predictor.predict(found)) if answer.age is not None]
    files = []
    for number, encoded in enumerate(photographs):
        files.append(os.path.join(scratch, f"{number}.jpg"))
        with open(files[-1], "wb") as file:
            file.write(encoded)

    def from_memory() -> float:
        began = time.perf_counter()
        for start in range(0, len(photographs), BATCH):
            predictor.answer(photographs[start : start + BATCH])
        return len(photographs) / (time.perf_counter() - began)

    def from_files() -> float:
        began = time.perf_counter()
        assert all(answer.age is not None for answer in predictor.predict(files))
        return len(photographs) / (time.perf_counter() - began)

    pairs = [(from_files(), from_memory()) for _ in range(repeats)]
    yield _compared("predict on files", pairs)

    with _Server(directory) as server:
        yield f"server: ready {server.seconds_to_ready:.1f} s after it was started"
        alone = [_medians(server, predictor, photographs[:40]) for _ in range(repeats)]
        times = ", ".join(f"{1000 * served:.1f} against {1000 * own:.1f}" for served, own in alone)
        over = statistics.median(served - own for served, own in alone)
        yield f"one client, milliseconds a request against the model alone: {times}; {1000 * over:.1f} more"
        pairs = [(server.rate(photographs, _CLIENTS), from_memory()) for _ in range(repeats)]
        yield _compared(f"{_CLIENTS} clients", pairs)
        yield f"server: {server.memory_mib():.0f} MiB of memory after that"


def _compared(what: str, pairs: list[tuple[float, float]]) -> str:
    rates = ", ".join(f"{one:.0f} against {other:.0f}" for one, other in pairs)
    ratio = statistics.median(one / other for one, other in pairs)
    return f"{what}, photographs/s against batches in memory: {rates}; {ratio:.2f} of it"


def _export(path: str) -> str:
    import numpy as np

    from age.model import export, network
    from age.model.settings import TrainerSettings

    settings = TrainerSettings(weights="none", freeze_through="none", image_size=_IMAGE_SIZE)
    built = network.build(settings, network.TrainingAges.of(np.array([13.0, 33.0, 53.0])))
    export.export(built.whole, _IMAGE_SIZE, False, path, {})
    return path


def _read(data: str) -> list[bytes]:
    found: list[bytes] = []
    for row in label_file.read_rows(os.path.join(data, features.LABEL_FILE)):
        if len(found) == _PHOTOGRAPHS:
            break
        try:
            found.append(image_folder.read_image(data, row.file_name))
        except OSError:
            continue
    return found


def _body(photograph: bytes) -> bytes:
    return json.dumps({"instances": [{"b64": base64.b64encode(photograph).decode()}]}).encode()


def _medians(server: "_Server", predictor: Predictor, photographs: list[bytes]) -> tuple[float, float]:
    """Returns the median seconds of a request, and of the model alone, asked in turn about the same photographs."""
    served, own = [], []
    for photograph in photographs:
        body = _body(photograph)
        began = time.perf_counter()
        server.ask(body)
        between = time.perf_counter()
        predictor.answer([photograph])
        served.append(between - began)
        own.append(time.perf_counter() - between)
    return statistics.median(served), statistics.median(own)


class _Server:
    """A server of this machine. A context manager."""

    def __init__(self, directory: str):
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "serve", "--port", "0", "--serving-dir", directory],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.seconds_to_ready = 0.0
        self._address = ""

    def __enter__(self) -> "_Server":
        try:
            self._wait_until_it_serves()
        except BaseException:
            self.__exit__()
            raise
        # The log is read to its end, or the server would wait for room in the pipe.
        threading.Thread(target=lambda: list(self._process.stderr), daemon=True).start()
        return self

    def _wait_until_it_serves(self) -> None:
        said = []
        for line in self._process.stderr:
            said.append(line)
            if not line.startswith("{"):
                # Native libraries have their own form.
                continue
            told = json.loads(line)
            if told["message"] == "listening":
                self._address = f"http://127.0.0.1:{told['port']}"
            if told["message"] == "version serving":
                self.seconds_to_ready = time.perf_counter() - self._began
                return
            if told["message"] == "version refused":
                break
        raise RuntimeError(f"The server did not become ready. It said: {''.join(said)[-2000:]}")

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, body: bytes) -> float:
        with urllib.request.urlopen(f"{self._address}/v1/models/age:predict", body, timeout=120) as answer:
            return float(json.load(answer)["predictions"][0])

    def rate(self, photographs: list[bytes], clients: int) -> float:
        """Returns photographs a second where so many clients ask about one at a time."""
        bodies = [_body(photograph) for photograph in photographs]

        def ask_some(which: int) -> None:
            for body in bodies[which::clients]:
                self.ask(body)

        threads = [threading.Thread(target=ask_some, args=(which,)) for which in range(clients)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(bodies) / (time.perf_counter() - began)

    def memory_mib(self) -> float:
        with open(f"/proc/{self._process.pid}/status", encoding="ascii") as status:
            (line,) = [line for line in status if line.startswith("VmHWM")]
        return int(line.split()[1]) / 1024

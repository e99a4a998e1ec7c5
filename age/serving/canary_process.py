"""The canary's process: loads an exported model with TensorFlow and nothing else, asks it what it is told to, and tells the answers.

    python -I canary_process.py < requests > answers

It is run by its path, in Python's isolated mode, and imports nothing of this project: whoever serves the model has none of it.
Requests and answers are described in `canary.py`, which starts it.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

SERVING_IMAGES, IMAGES_INPUT, AGE_OUTPUT = "serving_default", "image_bytes", "age"
NOT_THERE = frozenset({"age", "components", "keras.src", "pipeline", "schemas", "tfx"})
"""What a server does not have. In an image it is installed beside TensorFlow, which imports Keras where it can."""


class _Absent:
    """Finds none of the packages that are not there."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if not NOT_THERE.isdisjoint((name, name.partition(".")[0])):
            raise ModuleNotFoundError(f"No module named {name!r}: the canary's process has nothing of this project", name=name)


def peak_memory(process: int | str = "self") -> int | None:
    """Returns the most bytes that a process held, this one unless given; None where the system does not say.

    What `getrusage` says begins with what the process held that started this one.
    """
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


def _problem(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def ask(model: str, requests: Sequence[Sequence[bytes]]) -> dict[str, Any]:
    """Returns what the model answers, as the JSON that `canary.py` reads.

    Args:
        model: directory of the SavedModel.
        requests: lists of encoded images, one for each request.
    """
    import tensorflow as tf

    found: dict[str, Any] = {"server": f"TensorFlow {tf.__version__}", "answers": [], "seconds": []}
    began = time.perf_counter()
    try:
        # The module must outlive its signature, which holds its variables weakly.
        module = tf.saved_model.load(model)
        signature = module.signatures[SERVING_IMAGES]
    except Exception as error:
        return {**found, "problem": _problem(error)}
    found["load_seconds"] = time.perf_counter() - began
    for request in requests:
        began = time.perf_counter()
        try:
            answer = signature(**{IMAGES_INPUT: tf.constant(request, tf.string)})[AGE_OUTPUT].numpy().tolist()
        except Exception as error:
            return {**found, "problem": _problem(error)}
        found["seconds"].append(time.perf_counter() - began)
        found["answers"].append(answer)
    return {**found, "peak_memory": peak_memory()}


def main() -> None:
    """Reads the requests from standard input and writes the answers to standard output."""
    sys.meta_path.insert(0, _Absent())
    # What libraries print is not for whoever reads the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    told = json.loads(sys.stdin.buffer.readline())
    images = [sys.stdin.buffer.read(size) for size in told["sizes"]]
    requests = [[images[place] for place in request] for request in told["requests"]]
    json.dump(ask(told["model"], requests), answers)
    answers.close()


if __name__ == "__main__":
    main()

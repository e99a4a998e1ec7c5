"""Asks an exported model, in a process that has nothing of this project, for what the evaluation measured.

The process is TensorFlow Serving's binary where the configuration names one (`model_server.py`), and else Python with TensorFlow alone.

A model that is blessed was measured in the process that made it, or in one that has the same code. Whoever serves it has
TensorFlow alone: `canary_process.py` is such a process. On its standard input it gets a line of JSON, `model` (the directory),
`sizes` (bytes of each image) and `requests` (lists of images by number), and the images after it, so that no photograph is
written to a disk. On standard output it tells, as JSON, `server`, `load_seconds`, `answers` and `seconds` (of each request),
`peak_memory` (bytes), and `problem`, where there was one, in place of what is then missing.
"""

import contextlib
import dataclasses
import functools
import json
import math
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from age.serving import canary_process, model_server, warmup_requests
from schemas.failures import CanaryUnfinished
from schemas.verdict import Canary

PHOTOGRAPHS = 64
TOLERANCE = 0.01
"""Years by which an answer may differ from what was measured: the size of a batch changes the seventh digit."""

_UNREADABLE = (b"", b"no picture")
_GOOD_AMONG_UNREADABLE = 8
_SHOWN = 400
_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


@dataclasses.dataclass(frozen=True)
class Measured:
    """A photograph, and what the model answered for it when it was evaluated.

    Attributes:
        encoded: the bytes of the file.
        age: years; NaN for no answer.
    """

    encoded: bytes
    age: float


@dataclasses.dataclass(frozen=True)
class _Request:
    """What is asked at once, and what the answer must be.

    Attributes:
        what: says it in a sentence about the answers.
        images: encoded images.
        expected: years for each; NaN for none, and None for whatever is a number.
    """

    what: str
    images: list[bytes]
    expected: list[float | None]


def _requests(photographs: Sequence[Measured], warm_up: list[list[bytes]]) -> Iterator[_Request]:
    for one in photographs:
        yield _Request("asked for one photograph at a time", [one.encoded], [one.age])
    yield _Request("asked for all photographs at once", [one.encoded for one in photographs], [one.age for one in photographs])
    good = photographs[:_GOOD_AMONG_UNREADABLE]
    cut_off = good[0].encoded[: min(24, len(good[0].encoded) // 2)]
    mixed = [(one.encoded, one.age) for one in good]
    for place, unreadable in enumerate((*_UNREADABLE, cut_off)):
        mixed.insert(min(2 * place + 1, len(mixed)), (unreadable, math.nan))
    yield _Request(
        "asked for photographs with unreadable bytes among them",
        [encoded for encoded, _ in mixed],
        [age for _, age in mixed],
    )
    for images in warm_up:
        yield _Request("asked as when a server warms up", images, [None] * len(images))


def _difference(answer: float, expected: float | None) -> float:
    """Returns by how many years an answer is off; infinite where one of them is no number and the other is."""
    if expected is None:
        return 0.0 if math.isfinite(answer) else math.inf
    if math.isnan(answer) and math.isnan(expected):
        return 0.0
    difference = abs(answer - expected)
    return difference if math.isfinite(difference) else math.inf


def _refusal(request: _Request, answer: list[float]) -> str | None:
    """Returns what is wrong with an answer, in a sentence; None for nothing."""
    if len(answer) != len(request.images):
        return f"{request.what}, the model gives {len(answer)} answers for {len(request.images)} pictures."
    off = [(_difference(given, wanted), given, wanted) for given, wanted in zip(answer, request.expected)]
    worst, given, wanted = max(off, key=lambda one: one[0])
    if worst <= TOLERANCE:
        return None
    count = sum(difference > TOLERANCE for difference, *_ in off)
    if wanted is None:
        return f"{request.what}, the model has no age for {count} of {len(off)} generated pictures."
    if math.isnan(wanted):
        return f"{request.what}, the model answers {given:.2f} years for what it can't read; expected is no number."
    said = f"{given:.2f} years where {wanted:.2f} were measured" if math.isfinite(given) else "no number"
    return f"{request.what}, the model answers otherwise than was measured for {count} of {len(off)}, at worst {said}."


def _refused(why: str) -> str:
    return f"The canary refused the exported model: {why}"


def _judged(requests: Sequence[_Request], answers: Sequence[list[float]]) -> list[str]:
    """Returns one sentence for each kind of request that was answered wrongly."""
    found: dict[str, str] = {}
    for request, answer in zip(requests, answers):
        refusal = _refusal(request, answer)
        if refusal:
            found.setdefault(request.what, _refused(refusal))
    return list(found.values())


def _input(model: str, requests: Sequence[Sequence[bytes]]) -> bytes:
    """Returns the process's standard input; each image is in it once."""
    places: dict[bytes, int] = {}
    asked = [[places.setdefault(image, len(places)) for image in request] for request in requests]
    told = {"model": os.path.abspath(model), "sizes": [len(image) for image in places], "requests": asked}
    return json.dumps(told).encode("ascii") + b"\n" + b"".join(places)


def _environment() -> dict[str, str]:
    """Returns the process's variables: no secret, and no GPU, whose memory this process holds."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {**passed_on, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}


def _died_of(status: int) -> str:
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with exit status {status}"


def _asked_of_tensorflow(
    model: str, requests: Sequence[Sequence[bytes]], directory: str, environment: dict[str, str], timeout: float
) -> tuple[int, str, dict[str, Any]]:
    """Has a process that has TensorFlow alone answer; arguments and result are those of `model_server.ask`."""
    ended = subprocess.run(
        [sys.executable, "-I", canary_process.__file__],
        input=_input(model, requests),
        capture_output=True,
        cwd=directory,
        env=environment,
        timeout=timeout,
    )
    said = ended.stderr.decode("utf-8", "replace").strip().splitlines()
    return ended.returncode, said[-1] if said else "", {} if ended.returncode else json.loads(ended.stdout)


def _answers(model: str, requests: Sequence[_Request], timeout: float, server: str | None) -> dict[str, Any]:
    """Runs the process, and returns what it told.

    Raises:
        CanaryUnfinished: it took too long or was killed.
    """
    ask = functools.partial(model_server.ask, server) if server else _asked_of_tensorflow
    # Out of the way of whatever else lies where this process works.
    with tempfile.TemporaryDirectory(prefix="age-canary-") as directory:
        try:
            status, said, told = ask(model, [request.images for request in requests], directory, _environment(), timeout)
        except subprocess.TimeoutExpired as error:
            raise CanaryUnfinished(
                f"The canary's process did not answer {len(requests)} requests within {timeout:g} seconds "
                "(pusher.canary_timeout). Nothing was pushed. Give it more time, or run it again when the machine has less "
                "to do: up to the evaluation it comes from the cache."
            ) from error
    if status == -signal.SIGKILL:
        raise CanaryUnfinished(
            "The canary's process was killed, as the system does when memory runs out. Nothing was pushed. Give it more "
            "memory, and run it again: up to the evaluation it comes from the cache."
        )
    return {**told, "died": f"{_died_of(status)}{f': {said}' if said else ''}"} if status else told


def ask(model: str, photographs: Sequence[Measured], timeout: float, server: str | None = None) -> Canary:
    """Asks an exported model for photographs singly, all at once, among unreadable bytes, and as when a server warms up.

    Args:
        model: directory of the SavedModel.
        photographs: at least one, with what the evaluation measured.
        timeout: seconds that the process may take in all.
        server: TensorFlow Serving's binary, path or name; None for TensorFlow alone.

    Returns:
        Whether it answers as it was measured, and if not, why not.

    Raises:
        BadInput: there is no such server.
        CanaryUnfinished: the process took too long or was killed, which says nothing about the model.
    """
    try:
        warm_up = warmup_requests.read(model)
    except ValueError as error:
        return Canary(passed=False, reasons=[_refused(f"{str(error)[:_SHOWN]}.")], photographs=0)
    requests = list(_requests(photographs, warm_up))
    told = _answers(model, requests, timeout, server)
    answers = told.get("answers", [])
    reasons = _judged(requests, answers)
    loader = "TensorFlow Serving" if server else "TensorFlow alone"
    if "problem" in told:
        doing = requests[len(answers)].what if "load_seconds" in told else f"loaded by {loader}"
        reasons.append(_refused(f"{doing}, it fails: {told['problem'][:_SHOWN]}."))
    if "died" in told:
        reasons.append(_refused(f"the process that loaded it {told['died'][:_SHOWN]}."))
    singly = [
        _difference(answer[0], request.expected[0])
        for request, answer in zip(requests[: len(photographs)], answers)
        if len(answer) == 1
    ]
    return Canary(
        passed=not reasons,
        reasons=reasons,
        server=told.get("server"),
        photographs=len(photographs),
        largest_difference=max(singly, default=None),
        load_seconds=told.get("load_seconds"),
        latency_seconds=statistics.median(told["seconds"][: len(photographs)]) if told.get("seconds") else None,
        peak_memory=told.get("peak_memory"),
    )

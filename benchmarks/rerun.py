"""What a rerun with nothing changed takes beyond importing the libraries."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

_SETTINGS = (
    "trainer.backbone=resnet20",
    "trainer.weights=none",
    "trainer.image_size=32",
    "trainer.epochs=1",
    "evaluator.max_mae=100",
    "evaluator.min_examples=1",
)


class _Seconds(NamedTuple):
    """How long a program ran, and for how long of that it computed, with those that it started."""

    elapsed: float
    computing: float


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _seconds(*command: str) -> _Seconds:
    started, used = time.perf_counter(), _processor_seconds()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return _Seconds(time.perf_counter() - started, _processor_seconds() - used)


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields seconds of reruns and of importing alone what a run loads before its first step, in turn.

    Processor time tells where other programs share the machine.
    """
    run = [sys.executable, "-m", "pipeline", "run", "--data", data, "--workdir", os.path.join(scratch, "work")]
    for setting in _SETTINGS:
        run += ["--set", setting]
    first = _seconds(*run)
    yield f"first run: {first.elapsed:.1f} s"
    for _ in range(repeats):
        imports = _seconds(sys.executable, "-c", "from pipeline import graph; from pipeline.local import step_launcher")
        rerun = _seconds(*run)
        yield (
            f"imports alone {imports.elapsed:.1f} s, rerun {rerun.elapsed:.1f} s: {rerun.elapsed - imports.elapsed:.1f} s more; "
            f"processor time {imports.computing:.1f} and {rerun.computing:.1f} s: {rerun.computing - imports.computing:.1f} s more"
        )

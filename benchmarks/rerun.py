"""What a rerun with nothing changed takes beyond importing the libraries."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

_SETTINGS = (
    "trainer.backbone=resnet20",
    "trainer.weights=none",
    "trainer.image_size=32",
    "trainer.epochs=1",
    "evaluator.max_mae=100",
    "evaluator.min_examples=1",
)


def _seconds(*command: str) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def measure(data: str, scratch: str, repeats: int) -> Iterator[str]:
    """Yields seconds of reruns and of importing alone what a run loads before its first step, in turn."""
    run = [sys.executable, "-m", "pipeline", "run", "--data", data, "--workdir", os.path.join(scratch, "work")]
    for setting in _SETTINGS:
        run += ["--set", setting]
    yield f"first run: {_seconds(*run):.1f} s"
    for _ in range(repeats):
        imports = _seconds(sys.executable, "-c", "from pipeline import graph; from pipeline.local import step_launcher")
        rerun = _seconds(*run)
        yield f"imports alone {imports:.1f} s, rerun {rerun:.1f} s: {rerun - imports:.1f} s more"

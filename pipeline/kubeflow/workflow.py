"""What became of a run's steps, read from Argo's workflow.

Kubeflow makes of each task a node for its driver (`root.Trainer-driver`) and one for its container
(`root.Trainer.executor`), or as many as there are attempts (`root.Trainer.executor(0)`).
"""

import dataclasses
import datetime
import re
from typing import Any

from pipeline.kubeflow.entrypoint import FAILED_MARK, REFUSED_MARK

PENDING, RUNNING, SUCCEEDED, CACHED, FAILED = "waiting to start", "running", "succeeded", "from the cache", "failed"
"""States of an attempt."""

_STATES = {
    "Pending": PENDING,
    "Running": RUNNING,
    "Succeeded": SUCCEEDED,
    "Skipped": CACHED,
    "Failed": FAILED,
    "Error": FAILED,
}
_EXECUTOR = re.compile(r"executor(?:\((\d+)\))?")
_DRIVER = "-driver"
_MARKED = re.compile(rf"({REFUSED_MARK}|{FAILED_MARK}) (.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One try at a step.

    Attributes:
        step: its name; of a driver, that of the step that it is for.
        number: 0 for the first.
        state: one of the states above.
        message: the step's own where it left one, else what Argo or Kubernetes say; may be empty.
        refused: whether the step left word that it refuses what it was given.
        seconds: since it was begun.
        of_the_driver: whether it was Kubeflow's driver, which prepares the step.
    """

    step: str
    number: int
    state: str
    message: str
    refused: bool
    seconds: float
    of_the_driver: bool


def attempts(workflow: dict[str, Any], now: datetime.datetime) -> list[Attempt]:
    """Returns the attempts of a workflow, in the order in which they were begun.

    Args:
        workflow: Argo's, as JSON.
        now: the time, with its zone.
    """
    found = []
    for node in (workflow.get("status", {}).get("nodes") or {}).values():
        attempt = _attempt(node, now)
        if attempt is not None:
            found.append((node.get("startedAt") or "", node.get("id", ""), attempt))
    return [attempt for *_, attempt in sorted(found, key=lambda one: one[:2])]


def _attempt(node: dict[str, Any], now: datetime.datetime) -> Attempt | None:
    *_, parent, last = ["", "", *node.get("name", "").split(".")]
    executor = _EXECUTOR.fullmatch(last)
    state = _STATES.get(node.get("phase", ""))
    is_driver = last.endswith(_DRIVER) and last != f"root{_DRIVER}"
    if state is None or node.get("type") not in ("Pod", "Skipped") or not (executor or is_driver):
        return None
    if is_driver and state != FAILED:
        return None
    message, refused = _message(node.get("message") or "")
    return Attempt(
        step=parent if executor else last.removesuffix(_DRIVER),
        number=int(executor[1] or 0) if executor else 0,
        state=state,
        message="" if state == CACHED else message,
        refused=refused,
        seconds=_seconds_since(node.get("startedAt"), now),
        of_the_driver=is_driver,
    )


def _message(text: str) -> tuple[str, bool]:
    """Returns the step's own message out of Argo's, such as `Error (exit code 1): Refused: …`, and whether it is a refusal."""
    marked = _MARKED.search(text)
    return (marked[2].strip(), marked[1] == REFUSED_MARK) if marked else (text.strip(), False)


def _seconds_since(started: str | None, now: datetime.datetime) -> float:
    try:
        return (now - datetime.datetime.fromisoformat((started or "").replace("Z", "+00:00"))).total_seconds()
    except ValueError:
        return 0.0

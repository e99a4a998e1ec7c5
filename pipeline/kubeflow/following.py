"""Follows a run on Kubeflow to its end, and tells how it ended from what its steps said."""

import datetime
import time
from collections.abc import Callable
from typing import Any

from age.untrusted_text import harmless_lines
from pipeline.kubeflow import workflow
from pipeline.kubeflow.installation import Installation, NotOffered, SubmissionFailed
from schemas.failures import Failure

Say = Callable[[str], None]

BLESSED, NOT_BLESSED, STOPPED, FAILED = "blessed", "not blessed", "stopped by its input", "failed"
"""How a run ends."""

_FINISHED = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")
_VERDICT_STEP = "BlessingGate"
_PATIENCE = 5
"""How often in a row following a run may fail."""


class _Teller:
    """Says what is new of a run's steps, each thing once."""

    def __init__(self, say: Say):
        self._say = say
        self._already_said: set[tuple[Any, ...]] = set()

    def tell(self, attempts: list[workflow.Attempt]) -> None:
        latest = {attempt.step: attempt.number for attempt in attempts}
        for attempt in attempts:
            name = f"{attempt.step} (Kubeflow's driver)" if attempt.of_the_driver else attempt.step
            if attempt.number:
                name += f", attempt {attempt.number + 1}"
            if attempt.state == workflow.PENDING and attempt.message:
                # The numbers in it change all the time; what begins it does not.
                self._once(f"{name}: {attempt.state}: {attempt.message}", attempt, attempt.message.partition(":")[0])
                continue
            if attempt.state != workflow.FAILED:
                self._once(f"{name}: {attempt.state}", attempt)
                continue
            again = "; it is tried again" if latest[attempt.step] > attempt.number else ""
            self._once(f"{name}: failed{again}{':' if attempt.message else ''} {attempt.message}".rstrip(), attempt)

    def _once(self, line: str, attempt: workflow.Attempt, reason: str = "") -> None:
        key = (attempt.step, attempt.number, attempt.of_the_driver, attempt.state, reason)
        if key not in self._already_said:
            self._already_said.add(key)
            self._say(harmless_lines(line))

    def tell_states(self, details: list[Any]) -> None:
        """Says what the newer API knows of the steps: their states alone."""
        for task in details:
            name, state = task.display_name or "", str(task.state)
            if not name or name.endswith("-driver") or name.startswith("executor") or (name, state) in self._already_said:
                continue
            self._already_said.add((name, state))
            self._say(f"{harmless_lines(name)}: {state.lower()}")


def follow(
    installation: Installation,
    run_id: str,
    say: Say,
    pending_timeout: float = 900.0,
    seconds_between: float = 10.0,
) -> str:
    """Follows a run to its end.

    Args:
        installation: where it runs.
        run_id: the run.
        say: takes the lines that tell what happens.
        pending_timeout: seconds that a step may wait to start: for a node, or for its image.
        seconds_between: how long to wait before asking again.

    Returns:
        `BLESSED`, `NOT_BLESSED`, `STOPPED` or `FAILED`.

    Raises:
        SubmissionFailed: a step waits for longer than that, or the installation fails again and again.
        ServiceUnavailable: the installation can't be reached, again and again.
        BadInput: the installation refuses, again and again.
    """
    teller = _Teller(say)
    failures = 0
    while True:
        try:
            with installation.asking("following the run"):
                run = installation.client.get_run(run_id)
            attempts = _attempts(installation, run_id)
            failures = 0
        except Failure:
            # A run takes hours: a restarted gateway or a lost connection does not end it.
            failures += 1
            if failures > _PATIENCE:
                raise
            time.sleep(seconds_between)
            continue
        if attempts:
            teller.tell(attempts)
        else:
            teller.tell_states((run.run_details and run.run_details.task_details) or [])
        if run.state in _FINISHED:
            say(f"Run {run.state.lower()}.")
            return ending(run.state, attempts)
        _give_up_on_what_waits(installation, run_id, attempts, pending_timeout)
        time.sleep(seconds_between)


def _attempts(installation: Installation, run_id: str) -> list[workflow.Attempt]:
    try:
        found = installation.workflow(run_id)
    except NotOffered:
        return []
    return workflow.attempts(found, datetime.datetime.now(datetime.timezone.utc))


def _give_up_on_what_waits(
    installation: Installation, run_id: str, attempts: list[workflow.Attempt], pending_timeout: float
) -> None:
    for attempt in attempts:
        if attempt.state == workflow.PENDING and attempt.seconds > pending_timeout:
            reason = harmless_lines(attempt.message) or "Kubernetes gives no reason."
            raise SubmissionFailed(
                f"{attempt.step} has been waiting to start for {attempt.seconds / 60:.0f} minutes (--pending-timeout "
                f"{pending_timeout / 60:g}): {reason}\nThe run was left as it is: "
                f"{installation.host}/#/runs/details/{run_id}. Make room for the step, or change its resources, node selector "
                "or tolerations (kubeflow.steps) and start another run."
            )


def ending(state: str, attempts: list[workflow.Attempt]) -> str:
    """Returns how a run ended.

    Args:
        state: Kubeflow's state of the run.
        attempts: those of its steps; none where the installation does not tell.
    """
    if state == "SUCCEEDED":
        return BLESSED
    last = {attempt.step: attempt for attempt in attempts if not attempt.of_the_driver}
    refused = {attempt.step for attempt in last.values() if attempt.state == workflow.FAILED and attempt.refused}
    if _VERDICT_STEP in refused:
        return NOT_BLESSED
    return STOPPED if refused else FAILED

"""Remembers what a step refused, so that it is not done again when Kubeflow tries the step again.

Kubeflow's retries are for nodes that go away, but its launcher ends with 1 whatever the step's status was: a step that refused
its input would be tried as often as one whose node was lost. The note lies in the working directory, on a volume, because
nothing else outlives a pod. All attempts of one execution are given the same executor input.
"""

import contextlib
import hashlib
import json
import os
from typing import Any

from age import storage

POD_VARIABLE = "KFP_POD_NAME"
"""Name of the pod, which Kubeflow gives every container. An attempt's is its own; when people retry a run by hand, its
attempts have the names that they had before."""

_LOGS = "executor-logs"


class Refusals:
    """Notes about one execution of a step.

    Args:
        workdir: the working directory.
        executor_input: Kubeflow's, as JSON.
    """

    def __init__(self, workdir: str, executor_input: dict[str, Any]):
        outputs = executor_input["outputs"]
        # Where the log goes differs between attempts.
        artifacts = {name: listed for name, listed in outputs.get("artifacts", {}).items() if name != _LOGS}
        same_for_all_attempts = {**executor_input, "outputs": {**outputs, "artifacts": artifacts}}
        key = hashlib.sha256(json.dumps(same_for_all_attempts, sort_keys=True).encode()).hexdigest()
        self._path = os.path.join(workdir, "kubeflow", "refused", f"{key}.json")

    def earlier(self) -> str | None:
        """Returns what an earlier attempt said when it refused; None when there is none."""
        try:
            note = json.loads(storage.read_bytes(self._path))
        except (OSError, ValueError):
            return None
        return note["message"] if note["pod"] != os.environ.get(POD_VARIABLE, "") else None

    def remember(self, message: str) -> None:
        """Leaves a note that this attempt refused."""
        storage.make_directory(os.path.dirname(self._path))
        note = {"pod": os.environ.get(POD_VARIABLE, ""), "message": message}
        storage.write_text(self._path, json.dumps(note, ensure_ascii=False))

    def forget(self) -> None:
        """Removes the note of an attempt that was retried by hand and did not refuse."""
        with contextlib.suppress(OSError):
            storage.remove_file(self._path)

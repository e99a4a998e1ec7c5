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
from schemas.bad_input import BadInput
from schemas.failures import Failure, NotBlessed, TrainingDiverged

POD_VARIABLE = "KFP_POD_NAME"
"""Name of the pod, which Kubeflow gives every container. An attempt's is its own; when people retry a run by hand, its
attempts have the names that they had before."""

_LOGS = "executor-logs"
_KINDS: dict[str, type[Failure]] = {kind.__name__: kind for kind in (BadInput, NotBlessed, TrainingDiverged)}


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

    def earlier(self) -> Failure | None:
        """Returns the failure of an earlier attempt that refused; None when there is none."""
        try:
            note = json.loads(storage.read_bytes(self._path))
            kind, message, pod = _KINDS[note["kind"]], note["message"], note["pod"]
        except (OSError, ValueError, KeyError):
            return None
        if pod == os.environ.get(POD_VARIABLE, ""):
            return None
        return kind(f"{message}\n(An earlier attempt of this step said so. What is refused is not done again.)")

    def remember(self, failure: Failure) -> None:
        """Leaves a note that this attempt refused, with a failure that is final."""
        storage.make_directory(os.path.dirname(self._path))
        kind = next(name for name, known in _KINDS.items() if isinstance(failure, known))
        note = {"pod": os.environ.get(POD_VARIABLE, ""), "kind": kind, "message": str(failure)}
        storage.write_text(self._path, json.dumps(note, ensure_ascii=False))

    def forget(self) -> None:
        """Removes the note of an attempt that was retried by hand and did not refuse."""
        with contextlib.suppress(OSError):
            storage.remove_file(self._path)

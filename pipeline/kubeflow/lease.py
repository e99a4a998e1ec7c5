"""Keeps one run at a time in a working directory on Kubeflow, where a run is a row of pods and no process lasts as long.

Each step renews the lease while it runs; the last one gives it back, and so does one that refuses. A run that is lost with its
nodes leaves a lease that nobody renews.
"""

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator

from age import storage
from schemas.bad_input import BadInput

SILENCE = 2 * 3600.0
"""Seconds without a sign of life after which a run is taken for lost: longer than a step waits for a node."""

_GRACE = 600.0
"""Seconds that another attempt of a step that failed has until the run is taken for lost."""

_RENEWED_EVERY = 60.0
LOCK_OF_LOCAL_RUNS = ".lock"


class Lease:
    """A run's right to a working directory.

    Args:
        workdir: the working directory, on a volume.
        run_id: the run.
    """

    def __init__(self, workdir: str, run_id: str):
        self._workdir = workdir
        self._run_id = run_id
        self._path = os.path.join(workdir, "kubeflow", "lease.json")

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Takes or renews the lease, and renews it for as long as the step runs.

        Raises:
            BadInput: another run has it, a local run is using the directory, or it can't be written.
        """
        try:
            storage.make_directory(os.path.dirname(self._path))
            self._take()
        except OSError as error:
            raise BadInput(
                f"workdir: {self._workdir}: can't be written in the step's container: {error.strerror}. Expected a directory on "
                "a volume of every step (kubeflow.volumes) that belongs to the image's user, 1000."
            ) from error
        with self._no_local_run():
            ended = threading.Event()
            renewing = threading.Thread(target=self._renew, args=(ended,), daemon=True)
            renewing.start()
            try:
                yield
            finally:
                ended.set()
                renewing.join()

    def give_back(self) -> None:
        """Ends the lease, if this run has it."""
        if self._holder() == self._run_id:
            storage.remove_file(self._path)

    def loosen(self) -> None:
        """Lets others have the lease soon, unless another attempt of a step that failed renews it."""
        if self._holder() == self._run_id:
            lost = time.time() - SILENCE + _GRACE
            with contextlib.suppress(OSError):
                os.utime(self._path, (lost, lost))

    def _holder(self) -> str | None:
        with contextlib.suppress(OSError, ValueError, KeyError):
            return json.loads(storage.read_bytes(self._path))["run_id"]
        return None

    def _take(self) -> None:
        holder = self._holder()
        silent = self._silent_for()
        if holder not in (None, self._run_id) and silent < SILENCE:
            raise BadInput(
                f"workdir: {self._workdir}: the run {holder} is using it; its last sign of life was {silent / 60:.0f} minutes "
                "ago. Two runs at a time would push models that were never compared with each other. Wait for it to end, give "
                f"this pipeline a workdir of its own, or remove {self._path} when that run was terminated."
            )
        storage.write_text(self._path, json.dumps({"run_id": self._run_id}))

    def _silent_for(self) -> float:
        try:
            return max(0.0, time.time() - os.path.getmtime(self._path))
        except OSError:
            return 0.0

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(_RENEWED_EVERY):
            with contextlib.suppress(OSError):
                os.utime(self._path)

    @contextlib.contextmanager
    def _no_local_run(self) -> Iterator[None]:
        """Keeps local runs out of the directory, as they keep out each other; steps of one run may share it."""
        with open(os.path.join(self._workdir, LOCK_OF_LOCAL_RUNS), "a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise BadInput(
                    f"workdir: {self._workdir}: a local run is using it. Wait for it to end or give this pipeline a workdir of "
                    "its own."
                ) from error
            except OSError:
                # Some network file systems know no locks; the lease itself needs none.
                pass
            yield

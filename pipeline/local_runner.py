"""Runs the pipeline on this machine: TFX's LocalDagRunner and Beam's DirectRunner in one process."""

import contextlib
import datetime
import fcntl
import json
import logging
import os
import sys
import time
from typing import Any, Callable, Dict, Optional

from components import storage, verdict
from pipeline import run_facts
from pipeline.configuration import Configuration
from schemas.bad_input import BadInput

Say = Callable[[str], None]


class RunFailed(RuntimeError):
    """A step of the run failed for a reason that is not the input's; the message is a sentence with the log's path."""


def _data_dir(configuration: Configuration, say: Say) -> str:
    data = configuration.data
    if data.dir is not None:
        if not storage.is_directory(data.dir):
            raise BadInput(
                f"data.dir: {data.dir}: there is no such directory. Expected a directory with labels.csv and images."
            )
        return data.dir
    if data.sample is None:
        raise BadInput("data.dir is not set. Give --data DIR, a directory with labels.csv and images.")
    from pipeline import sample_data

    directory = os.path.join(configuration.workdir, "sample_data")
    say(f"Drawing {data.sample.count} faces in {directory}")
    sample_data.write_sample_data(
        directory, count=data.sample.count, image_size=data.sample.image_size, seed=data.sample.seed
    )
    return directory


@contextlib.contextmanager
def _only_run_in(workdir: str):
    """Keeps a second run out of the same workdir: both would write one metadata store."""
    try:
        os.makedirs(workdir, exist_ok=True)
        lock = open(os.path.join(workdir, ".lock"), "w")
    except OSError as error:
        raise BadInput(f"workdir: {workdir}: can't be written: {error.strerror}. Choose another with --workdir.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadInput(
                f"workdir: {workdir}: another run is using it. Wait for it to end or choose another with --workdir."
            ) from error
        yield


def _new_run_id(workdir: str) -> str:
    while True:
        run_id = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S")
        if not os.path.exists(os.path.join(workdir, "reports", run_id)) and not os.path.exists(
            _log_path(workdir, run_id)
        ):
            return run_id
        time.sleep(0.2)


def _log_path(workdir: str, run_id: str) -> str:
    return os.path.join(workdir, "logs", f"{run_id}.log")


@contextlib.contextmanager
def _chatter_to(log_path: str):
    """Sends standard error of this process, that of its C++ libraries included, to a file."""
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    sys.stderr.flush()
    kept = os.dup(2)
    with open(log_path, "ab", buffering=0) as log:
        os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)


@contextlib.contextmanager
def _without_arguments():
    """Hides this process's command line: TFX reads it as flags of its own in every step that uses Beam."""
    kept = sys.argv
    sys.argv = kept[:1]
    try:
        yield
    finally:
        sys.argv = kept


class _StageLines(logging.Handler):
    """Says what LocalDagRunner logs about its components: began, from the cache, done after so many seconds."""

    def __init__(self, say: Say):
        super().__init__(logging.INFO)
        self._say = say
        self._started = 0.0
        self._cached = False
        self.stage: Optional[str] = None

    def emit(self, record):
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            return
        words = message.split()
        if message.startswith("Component ") and message.endswith(" is running."):
            self.stage, self._started, self._cached = words[1], time.monotonic(), False
            self._say(f"{self.stage} ...")
        elif message.startswith("A cached execution "):
            self._cached = True
        elif message.startswith("Component ") and message.endswith(" is finished."):
            took = "from the cache" if self._cached else f"{time.monotonic() - self._started:.1f} s"
            self._say(f"{words[1]}: {took}")


def explore(configuration: Configuration, say: Say = print) -> Dict[str, Any]:
    """Runs the data part of the pipeline alone; a later run in the same workdir takes its steps from the cache.

    Args:
        configuration: what to do; what it says of training is not looked at.
        say: takes the lines that tell how it is going.

    Returns:
        The verdict (see `components.verdict`), of kind `explore`, also where the data gate would stop a run.

    Raises:
        BadInput: the input can't be used.
        RunFailed: a step failed for another reason.
    """
    return _run(configuration, verdict.EXPLORE, say)


def run(configuration: Configuration, say: Say = print) -> Dict[str, Any]:
    """Runs the whole pipeline.

    Args:
        configuration: what to do.
        say: takes the lines that tell how the run is going.

    Returns:
        The verdict (see `components.verdict`) of a run that finished.

    Raises:
        BadInput: the input can't be used, or the data gate stopped the run.
        RunFailed: a step failed for another reason.
    """
    return _run(configuration, verdict.RUN, say)


def _run(configuration: Configuration, kind: str, say: Say) -> Dict[str, Any]:
    with _only_run_in(configuration.workdir):
        data_dir = _data_dir(configuration, say)
        configuration = configuration.model_copy(
            update={"data": configuration.data.model_copy(update={"dir": data_dir})}
        )
        run_id = _new_run_id(configuration.workdir)
        facts = run_facts.gather(configuration, run_id, kind)
        log_path = _log_path(configuration.workdir, run_id)
        say(f"Run {run_id} on {data_dir}; log: {log_path}")
        with _chatter_to(log_path), _without_arguments():
            return _run_graph(configuration, facts, log_path, say)


def _run_graph(configuration: Configuration, facts: run_facts.RunFacts, log_path: str, say: Say) -> Dict[str, Any]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    started = time.monotonic()
    say("Loading TensorFlow and TFX ...")
    from absl import logging as absl_logging

    stages = _StageLines(say)
    absl_logging.get_absl_logger().addHandler(stages)
    try:
        from tfx.dsl.compiler import compiler, constants
        from tfx.orchestration.local import local_dag_runner
        from tfx.orchestration.portable import runtime_parameter_utils

        from pipeline import graph

        say(f"Loading TensorFlow and TFX: {time.monotonic() - started:.1f} s")
        absl_logging.set_verbosity(absl_logging.INFO)
        compiled = compiler.Compiler().compile(graph.build(configuration, facts))
        # The metadata store then knows the run by the name that its report has.
        runtime_parameter_utils.substitute_runtime_parameter(
            compiled, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: facts.run_id}
        )
        local_dag_runner.LocalDagRunner().run_with_ir(compiled)
        return _verdict(configuration, facts)
    except BadInput:
        absl_logging.exception("The run ended at %s.", stages.stage)
        if facts.kind == verdict.EXPLORE and stages.stage == "DataGate":
            return _verdict(configuration, facts)
        raise
    except Exception as error:
        absl_logging.exception("The run ended at %s.", stages.stage)
        raise RunFailed(
            f"{stages.stage or 'The run'} failed: {_first_line(error)}\nThe log has the details: {log_path}\n"
            "Steps that were done before come from the cache when you run again."
        ) from error
    finally:
        absl_logging.get_absl_logger().removeHandler(stages)


def _verdict(configuration: Configuration, facts: run_facts.RunFacts) -> Dict[str, Any]:
    path = os.path.join(configuration.workdir, "reports", facts.run_id, verdict.BLESSING_FILE)
    return json.loads(storage.read_bytes(path))


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__

"""Runs the pipeline from this machine: its steps one after the other here, and Beam here or on a cluster."""

import contextlib
import ctypes
import datetime
import fcntl
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TextIO

from age import code_digest, progress, storage
from age.serving import model_server
from components.run_start import beam_check
from pipeline import graph_inputs
from pipeline.configuration import Configuration
from pipeline.terminal import run_display
from schemas.bad_input import BadInput
from schemas.failures import Failure, RunStopped
from schemas.verdict import BLESSING_FILE, EXPLORE, REPORTS_DIR, RUN, Kind, Search, Verdict

Say = Callable[[str], None]

_RUN_AGAIN = "Run it again to go on: steps that were done come from the cache."
_MEND_AND_RUN_AGAIN = "When it is mended, run again: steps that were done come from the cache."


class RunFailed(Failure):
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
    from age.dataset.sources import sample_data

    directory = os.path.join(configuration.workdir, "sample_data")
    say(f"Drawing {data.sample.count} faces in {directory}")
    sample_data.write_sample_data(directory, count=data.sample.count, image_size=data.sample.image_size, seed=data.sample.seed)
    return directory


@contextlib.contextmanager
def _only_run_in(workdir: str):
    """Keeps a second run out of the same workdir: both would write one metadata store."""
    try:
        os.makedirs(workdir, exist_ok=True)
        lock = open(os.path.join(workdir, ".lock"), "w")  # noqa: SIM115  held while the run lasts
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
        if not os.path.exists(os.path.join(workdir, REPORTS_DIR, run_id)) and not os.path.exists(_log_path(workdir, run_id)):
            return run_id
        time.sleep(0.2)


def _log_path(workdir: str, run_id: str) -> str:
    return os.path.join(workdir, "logs", f"{run_id}.log")


@contextlib.contextmanager
def chatter_to(log_path: str, streams: Sequence[TextIO]):
    """Sends standard streams of this process, those of its C++ libraries included, to a file.

    Args:
        log_path: the file; it is appended to.
        streams: `sys.stderr`, `sys.stdout` or both.
    """
    os.makedirs(os.path.dirname(log_path), exist_ok=True)
    descriptors = {sys.stdout: 1, sys.stderr: 2}
    kept = {}
    with open(log_path, "ab", buffering=0) as log:
        for stream in streams:
            stream.flush()
            kept[stream] = os.dup(descriptors[stream])
            os.dup2(log.fileno(), descriptors[stream])
        try:
            yield
        finally:
            # What C and C++ printed waits in their own buffer.
            ctypes.CDLL(None).fflush(None)
            for stream, descriptor in kept.items():
                stream.flush()
                os.dup2(descriptor, descriptors[stream])
                os.close(descriptor)


@contextlib.contextmanager
def _without_arguments():
    """Hides this process's command line: TFX reads it as flags of its own in every step that uses Beam."""
    kept = sys.argv
    sys.argv = kept[:1]
    try:
        yield
    finally:
        sys.argv = kept


@contextlib.contextmanager
def _noticing_interrupts():
    """Yields an event that Ctrl-C sets: Beam turns the exception into one of its own, which does not say so."""
    interrupted = threading.Event()

    def interrupt(number, frame):
        interrupted.set()
        signal.default_int_handler(number, frame)

    noticing = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if noticing and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield interrupted
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Stages:
    """Tells a display which stages begin and end, and remembers the one that is going on."""

    def __init__(self, display: run_display.Display):
        self._display = display
        self._began = 0.0
        self.current: str | None = None

    def began(self, name: str) -> None:
        self.current, self._began = name, time.monotonic()
        self._display.began(name)

    def ended(self, cached: bool = False) -> None:
        self._display.ended(self.current, time.monotonic() - self._began, cached)
        self.current = None


def explore(configuration: Configuration, say: Say = print, display: run_display.Display | None = None) -> Verdict:
    """Runs the data part of the pipeline alone; a later run in the same workdir takes its steps from the cache.

    Args:
        configuration: what to do; what it says of training is not looked at.
        say: takes the lines that tell how it is going.

    Returns:
        The verdict, of kind `explore`, also where the data gate would stop a run.

    Raises:
        BadInput: the input can't be used.
        RunFailed: a step failed for another reason.
    """
    return _run(configuration, EXPLORE, say, display)


def run(configuration: Configuration, say: Say = print, display: run_display.Display | None = None) -> Verdict:
    """Runs the whole pipeline.

    Args:
        configuration: what to do.
        say: takes the lines that tell how the run is going.
        display: takes the same, and more, in place of `say`. What libraries print then goes to the log like what they
            write to standard error.

    Returns:
        The verdict of a run that finished.

    Raises:
        BadInput: the input can't be used, or the data gate stopped the run.
        TrainingDiverged: the loss is not a number any more.
        ServiceUnavailable: a Beam cluster or a download does not answer.
        RunFailed: a step failed for another reason.
        RunStopped: it was interrupted (Ctrl-C).
    """
    return _run(configuration, RUN, say, display)


def tune(
    configuration: Configuration, say: Say = print, display: run_display.Display | None = None
) -> tuple[Search, str, str]:
    """Searches for hyperparameters and ends there; a later run of the same configuration takes the search from the cache.

    Args:
        configuration: what to do; it has a `tuner` section.
        say: takes the lines that tell how it is going.
        display: as for `run`.

    Returns:
        The trials, the path of the best hyperparameters, and that of the table of trials.

    Raises:
        BadInput: the input can't be used, the data gate stopped it, or there is nothing to search.
        TrainingDiverged: every trial diverged.
        RunFailed: a step failed for another reason.
        RunStopped: it was interrupted (Ctrl-C).
    """
    if configuration.tuner is None:
        raise BadInput(
            "tuner is not set: there is nothing to search. Say what, such as "
            "--set 'tuner.space={trainer.learning_rate: {min: 1e-4, max: 1e-2, log: true}}'."
        )
    return _run(configuration, RUN, say, display, search_alone=True)


def _run(
    configuration: Configuration,
    kind: Kind,
    say: Say,
    display: run_display.Display | None,
    search_alone: bool = False,
) -> Any:
    chatter = [sys.stderr] if display is None else [sys.stderr, sys.stdout]
    display = display or run_display.PlainLines(say)
    with _only_run_in(configuration.workdir), progress.listening(display.progress):
        data_dir = _data_dir(configuration, display.say)
        configuration = configuration.model_copy(update={"data": configuration.data.model_copy(update={"dir": data_dir})})
        if kind == RUN and configuration.pusher.model_server:
            model_server.require(configuration.pusher.model_server)
        run_id = _new_run_id(configuration.workdir)
        code_digest.remember_in(os.path.join(configuration.workdir, "code_digests.json"))
        inputs = graph_inputs.resolve(configuration, run_id, kind)
        log_path = _log_path(configuration.workdir, run_id)
        display.say(f"Run {run_id} on {data_dir}\nLog: {log_path}")
        with chatter_to(log_path, chatter), _without_arguments(), _noticing_interrupts() as interrupted:
            _run_graph(configuration, inputs, log_path, display, interrupted, search_alone)
            return (_search if search_alone else _verdict)(configuration, run_id)


def _run_graph(
    configuration: Configuration,
    inputs: graph_inputs.GraphInputs,
    log_path: str,
    display: run_display.Display,
    interrupted: threading.Event,
    search_alone: bool,
) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from absl import logging as absl_logging

    stages = _Stages(display)
    try:
        if configuration.beam.runner in beam_check.RUNNERS:
            stages.began(run_display.CHECKING)
            beam_check.check(configuration.beam_args())
            stages.ended()
        stages.began(run_display.LOADING)
        from tfx.dsl.compiler import compiler, constants
        from tfx.orchestration.portable import runtime_parameter_utils

        from pipeline.beam import loopback
        from pipeline.local import local_pipeline, metadata_store, step_launcher

        stages.ended()
        absl_logging.set_verbosity(absl_logging.INFO)
        loopback.listen_there_only(configuration.beam_args())
        metadata_store.check(configuration.metadata_path)
        compiled = compiler.Compiler().compile(local_pipeline.build(configuration, inputs, search_alone))
        # The metadata store then knows the run by the name that its report has.
        runtime_parameter_utils.substitute_runtime_parameter(
            compiled, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: inputs.run_id}
        )
        step_launcher.launch(compiled, stages.began, stages.ended)
    except Failure as failure:
        display.failed(stages.current, "stopped the run")
        absl_logging.exception("The run ended at %s.", stages.current)
        if not (isinstance(failure, BadInput) and inputs.kind == EXPLORE and stages.current == "DataGate"):
            raise
    except (KeyboardInterrupt, Exception) as error:
        absl_logging.exception("The run ended at %s.", stages.current)
        if isinstance(error, KeyboardInterrupt) or interrupted.is_set():
            display.failed(stages.current, "stopped")
            raise RunStopped(
                f"Stopped{f' at {stages.current}' if stages.current else ''}, as you asked.\nThe log is {log_path}\n{_RUN_AGAIN}"
            ) from error
        display.failed(stages.current, "failed")
        raise RunFailed(
            f"{stages.current or 'The run'} failed: {_first_line(error)}\nThe log has the details: {log_path}\n"
            f"{_MEND_AND_RUN_AGAIN}"
        ) from error


def _verdict(configuration: Configuration, run_id: str) -> Verdict:
    path = os.path.join(configuration.reports_dir, run_id, BLESSING_FILE)
    return Verdict.from_json(storage.read_bytes(path))


def _search(configuration: Configuration, run_id: str) -> tuple[Search, str, str]:
    from age.model import trial_record
    from age.reporting import trials
    from pipeline.local import metadata_store

    outputs = metadata_store.outputs(configuration.metadata_path, run_id, "Tuner")
    results = outputs["tuner_results"]
    (best,) = storage.list_directory(outputs["best_hyperparameters"])
    return (
        trial_record.read(results),
        os.path.join(outputs["best_hyperparameters"], best),
        os.path.join(results, trials.TABLE_FILE),
    )


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__

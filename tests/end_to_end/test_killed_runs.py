"""Runs that are killed, as by a machine that loses its power: the next run ends as an uninterrupted one does.

Four moments unless AGE_PIPELINE_KILLS gives another number. They are spread over the steps and not over the seconds, nearly all of
which are one step's, and drawn anew for each seed (AGE_PIPELINE_KILLS_SEED).
"""

import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import random
import re
import signal
import sys
import threading
import time

import pytest

from age.serving.model_digest import content_digest
from age.serving.serving_directory import ServingDirectory
from schemas.verdict import Verdict
from tests.end_to_end.conftest import SMALL_RUN
from tests.kubeflow.imitation.containers import Containers, Ended

ROOT = pathlib.Path(__file__).parents[2]
MOMENTS = int(os.environ.get("AGE_PIPELINE_KILLS", "4"))
SEED = int(os.environ.get("AGE_PIPELINE_KILLS_SEED", "0"))

IMPORTED = [
    "tensorflow",
    "tensorflow_data_validation",
    "tensorflow_model_analysis",
    "tfx.dsl.compiler.compiler",
    "pipeline.graph",
    "pipeline.local.local_runner",
    "pipeline.local.step_launcher",
]
"""What a run imports; a fork of a process that has it is a process of its own all the same, and can be killed."""

RUN = """
import os, sys, time
from pipeline import configuration
from pipeline.local import local_runner
from pipeline.terminal import run_display

told = os.fdopen(os.dup(1), "w", buffering=1)
data, workdir, *overrides = sys.argv[1:]

class Told(run_display.Display):
    def began(self, stage):
        told.write(f"began {time.monotonic()} {stage}\\n")

told.write(f"process {os.getpid()}\\n")
configured = configuration.load(None, overrides, data_dir=data, workdir=workdir)
verdict = local_runner.run(configured, display=Told())
told.write(f"began {time.monotonic()} nothing more\\n")
sys.exit(0 if verdict.blessed else 3)
"""
FAST = ["trainer.epochs=2", "evaluator.max_mae=80"]


@dataclasses.dataclass
class Watched:
    """What was there to be seen while runs went on.

    Attributes:
        versions: every content under which each version was seen.
        polls: how often somebody looked.
        problems: what could not be read.
    """

    versions: dict[int, set[str]]
    polls: int
    problems: list[str]


@contextlib.contextmanager
def watching(workdir):
    """Looks at the serving directory and the verdicts all the time, as a server and a person would."""
    watched, stop = Watched({}, 0, []), threading.Event()

    def watch():
        directory = ServingDirectory(str(workdir / "serving" / "age"))
        while not stop.is_set():
            watched.polls += 1
            for served in directory.versions():
                try:
                    watched.versions.setdefault(served.version, set()).add(served.digest)
                except OSError as error:
                    watched.problems.append(f"version {served.version}: {error}")
            for path in workdir.glob("reports/*/blessing.json"):
                try:
                    Verdict.from_json(path.read_bytes())
                except ValueError as error:
                    watched.problems.append(f"{path}: {error}")
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield watched
    finally:
        stop.set()
        watcher.join()


@dataclasses.dataclass
class Runs:
    """Starts runs on one data set, each in a process of its own."""

    containers: Containers
    data: pathlib.Path

    def run(self, workdir: pathlib.Path, kill_at: tuple[str, float] | None = None) -> Ended:
        """Runs the pipeline; at so many seconds after the beginning of a step, it is killed."""
        workdir.mkdir(exist_ok=True)
        log = workdir / f"told-{len(list(workdir.glob('told-*')))}"
        over = threading.Event()
        killer = threading.Thread(target=_kill, args=(log, kill_at, over))
        killer.start()
        command = ["python", "-c", RUN, str(self.data), str(workdir), *SMALL_RUN, *FAST]
        ended = self.containers.run(command, ROOT, {}, log, time_limit=300)
        over.set()
        killer.join()
        return ended


def beginnings(log) -> dict[str, float]:
    """Returns when each stage of a run began, as it has told up to now."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return {stage: float(at) for at, stage in re.findall(r"^began (\S+) (.*)\n", text, re.MULTILINE)}


def _kill(log, kill_at, over):
    while kill_at and not over.is_set():
        if kill_at[0] in beginnings(log):
            process = int(re.search(r"^process (\d+)\n", log.read_text(errors="replace"), re.MULTILINE).group(1))
            over.wait(kill_at[1])
            if not over.is_set():
                os.kill(process, signal.SIGKILL)
            return
        time.sleep(0.002)


@pytest.fixture(scope="module")
def runs(shades, tmp_path_factory):
    environment = {
        "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path_factory.mktemp("home")),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
    }
    containers = Containers(environment, tmp_path_factory.mktemp("server"), IMPORTED)
    yield Runs(containers, shades)
    containers.close()


@pytest.fixture(scope="module")
def uninterrupted(runs, tmp_path_factory):
    """A run that nobody killed: its verdict, and how long each step took, seconds."""
    workdir = tmp_path_factory.mktemp("uninterrupted")
    with watching(workdir) as watched:
        ended = runs.run(workdir)
    assert ended.status == 0, ended.log
    (verdict,) = [json.loads(path.read_text()) for path in workdir.glob("reports/*/blessing.json")]
    began = list(beginnings(workdir / "told-0").items())
    seconds = {stage: later - at for (stage, at), (_, later) in itertools.pairwise(began) if " " not in stage}
    assert watched.polls > 100 and len(watched.versions) == 1, "the watcher sees what there is"
    return verdict, seconds


def moment(number, seconds):
    """Draws the moment in one of as many equal parts of the run's steps as there are moments."""
    place = (number + random.Random(SEED * 1000 + number).random()) / MOMENTS * len(seconds)
    stage = list(seconds)[int(place)]
    return stage, (place - int(place)) * seconds[stage]


def same(ours, theirs) -> bool:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return ours == (pytest.approx(theirs, rel=1e-4, abs=1e-4) if isinstance(theirs, float) else theirs)


@pytest.mark.parametrize("number", range(MOMENTS))
def test_a_run_after_one_that_was_killed_ends_as_an_uninterrupted_one_does(runs, uninterrupted, tmp_path, number):
    expected, seconds = uninterrupted
    stage, after = moment(number, seconds)
    workdir = tmp_path / "run"
    directory = ServingDirectory(str(workdir / "serving" / "age"))

    with watching(workdir) as watched:
        killed = runs.run(workdir, kill_at=(stage, after))
        left = sorted(path.parent.name for path in workdir.glob("reports/*/blessing.json"))
        served_before, known_before = directory.versions(), [(event.what, event.run) for event in directory.events()]
        again = runs.run(workdir)

    where = f"killed {after:.3f} s after the beginning of {stage}"
    assert killed.status in (-signal.SIGKILL, 0), f"{where}: {killed.log}"
    assert killed.status or stage == list(seconds)[-1], f"{where}, and it ended before"
    assert again.status == 0, f"{where}: {again.log}"
    (last,) = sorted(path.parent.name for path in workdir.glob("reports/*/blessing.json") if path.parent.name not in left)
    verdict = json.loads((workdir / "reports" / last / "blessing.json").read_text())
    for key in ("blessed", "push", "reasons", "metrics", "champion", "slices", "thresholds", "data_fingerprint"):
        assert same(verdict[key], expected[key]), (where, key, verdict[key], expected[key])
    assert verdict["data"]["splits"] == expected["data"]["splits"]
    assert (workdir / "reports" / last / "report.html").is_file()
    (served,) = directory.versions()
    assert str(served.version) == verdict["model_version"] and served.path == verdict["paths"]["model"]
    exported = {content_digest(str(path.parent)) for path in workdir.glob("pipeline_root/Trainer/model/*/*/saved_model.pb")}
    assert watched.problems == []
    assert watched.versions == {served.version: {served.digest}}, f"{where}: half of a version could be seen"
    assert served.digest in exported
    assert [event.what for event in directory.events()] == ["published"], where
    assert known_before == [("published", left[-1]) for _ in served_before], f"{where}: the list of runs would not say it"

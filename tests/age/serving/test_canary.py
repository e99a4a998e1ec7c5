"""A process that has nothing of this project tries exported models: good ones, damaged ones, and others than were measured."""

import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import tensorflow as tf

from age.serving import canary, canary_process, warmup_requests
from schemas.failures import CanaryUnfinished
from tests.age.serving.canary_model import exported, measured_by


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return exported(tmp_path_factory.mktemp("model") / "model", seed=1)


@pytest.fixture(scope="module")
def measured(model) -> list[canary.Measured]:
    return measured_by(model, 70)


@pytest.fixture
def copy(model, tmp_path) -> pathlib.Path:
    """The model, to be damaged."""
    return pathlib.Path(shutil.copytree(model, tmp_path / "model"))


def refusal(model, measured) -> str:
    """Returns the one reason for which a model is refused."""
    result = canary.ask(str(model), measured, timeout=300)
    assert not result.passed
    (reason,) = result.reasons
    assert reason.startswith("The canary refused the exported model: ") and reason.endswith(".")
    return reason


def test_a_model_that_answers_as_it_was_measured_passes(model, measured):
    result = canary.ask(model, measured, timeout=300)

    assert result.passed and result.reasons == []
    assert result.server == f"TensorFlow {tf.__version__}" and result.photographs == 70
    assert result.largest_difference < canary.TOLERANCE
    assert 0 < result.latency_seconds < result.load_seconds < 100
    # What importing TensorFlow takes, and nothing of what this process holds.
    assert 100e6 < result.peak_memory < 2e9


def test_variables_that_were_cut_off_are_refused(copy, measured):
    variables = copy / "variables" / "variables.data-00000-of-00001"
    os.truncate(variables, variables.stat().st_size // 2)

    assert "loaded by TensorFlow alone, it fails: " in refusal(copy, measured)


def test_a_damaged_graph_is_refused(copy, measured):
    graph = bytearray((copy / "saved_model.pb").read_bytes())
    graph[len(graph) // 2 :] = b"\xff" * (len(graph) - len(graph) // 2)
    (copy / "saved_model.pb").write_bytes(graph)

    assert "loaded by TensorFlow alone, it fails: " in refusal(copy, measured)


def test_a_model_that_answers_other_ages_is_refused(measured, tmp_path):
    result = canary.ask(exported(tmp_path / "other", seed=2), measured, timeout=300)

    assert not result.passed and result.largest_difference > canary.TOLERANCE
    alone, at_once, among = result.reasons
    assert "asked for one photograph at a time, the model answers otherwise than was measured for 1 of 1" in alone
    assert "asked for all photographs at once" in at_once and "for 70 of 70, at worst " in at_once
    assert "with unreadable bytes among them" in among


class _Answers(tf.Module):
    """Says 40 years, and for what it can't decode whatever a test has it do."""

    def __init__(self, on_unreadable):
        super().__init__()
        self._on_unreadable = on_unreadable

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        return {"age": tf.map_fn(self._age, image_bytes, fn_output_signature=tf.float32)}

    def _age(self, encoded):
        if self._on_unreadable == "fail":
            return 40 + 1e-9 * tf.cast(tf.reduce_max(tf.io.decode_image(encoded)), tf.float32)
        if self._on_unreadable == "ask this process":
            return tf.py_function(lambda one: 40.0, [encoded], tf.float32)
        return tf.constant(40.0)


@pytest.mark.parametrize(
    "on_unreadable, said",
    [
        ("fail", "asked for photographs with unreadable bytes among them, it fails: InvalidArgumentError"),
        (
            "guess",
            "asked for photographs with unreadable bytes among them, the model answers 40.00 years for what it can't read",
        ),
        ("ask this process", "asked for one photograph at a time, it fails: "),
    ],
)
def test_a_model_that_can_not_stand_alone_or_unreadable_bytes_is_refused(on_unreadable, said, measured, tmp_path):
    module = _Answers(on_unreadable)
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": module.serve})

    assert said in refusal(tmp_path / "model", [canary.Measured(one.encoded, 40.0) for one in measured])


def test_a_model_without_the_signature_is_refused(measured, tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "model"))

    assert "loaded by TensorFlow alone, it fails: KeyError" in refusal(tmp_path / "model", measured)


def test_warm_up_requests_that_a_server_would_stumble_over_are_refused(copy, measured):
    path = pathlib.Path(warmup_requests.path_in(str(copy)))
    os.truncate(path, path.stat().st_size - 3)

    assert "no warm-up requests: " in refusal(copy, measured)


def test_a_process_that_takes_too_long_says_nothing_of_the_model(model, measured):
    began = time.monotonic()

    with pytest.raises(CanaryUnfinished, match=r"within 0\.2 seconds \(pusher\.canary_timeout\)\. Nothing was pushed\."):
        canary.ask(model, measured, timeout=0.2)

    assert time.monotonic() - began < 30


def _canary_process() -> int | None:
    """Returns the id of this process's child that is the canary's."""
    for task in pathlib.Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            command = pathlib.Path("/proc", child, "cmdline").read_bytes()
            if canary_process.__file__.encode() in command:
                return int(child)
    return None


def test_a_killed_process_says_nothing_of_the_model_and_had_no_secret(model, measured, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    environments = []

    def kill():
        while (process := _canary_process()) is None:
            time.sleep(0.01)
        environments.append(pathlib.Path("/proc", str(process), "environ").read_bytes())
        os.kill(process, signal.SIGKILL)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(CanaryUnfinished, match="was killed, as the system does when memory runs out"):
        canary.ask(model, measured, timeout=300)
    killer.join()

    assert environments and b"very-secret" not in environments[0]


def test_the_process_finds_nothing_of_this_project_also_where_it_is_installed_beside_tensorflow():
    program = f"""
import runpy, sys
parts = runpy.run_path({canary_process.__file__!r})
assert not parts["NOT_THERE"] & set(sys.modules)
sys.path.insert(0, {str(pathlib.Path(canary.__file__).parents[2])!r})
sys.meta_path.insert(0, parts["_Absent"]())
for name in ("age", "age.model", "components", "keras", "pipeline", "schemas", "tfx"):
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    sys.exit(name)
"""
    ended = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_no_answer_where_none_was_measured_is_no_difference(model, measured):
    unreadable = [canary.Measured(b"no picture", math.nan), *measured[:2]]

    assert canary.ask(model, unreadable, timeout=300).passed

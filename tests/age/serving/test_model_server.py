"""The canary asks TensorFlow Serving's binary where the configuration names one.

There is none to be had here: an imitation made after its sources takes the same flags and speaks the same protocol.
"""

import os
import pathlib
import stat
import sys
import threading
import time

import pytest

from age.serving import canary, model_server
from schemas.bad_input import BadInput
from schemas.failures import CanaryUnfinished
from tests import listening
from tests.age.serving.canary_model import exported, measured_by

IMITATION = pathlib.Path(__file__).with_name("imitated_model_server.py")


def program(path, text) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def not_for_this_machine(path) -> str:
    program(path, "")
    path.write_bytes(b"\x7fELF and no more")
    return str(path)


@pytest.fixture(scope="module")
def binary(tmp_path_factory) -> str:
    return program(tmp_path_factory.mktemp("bin") / "tensorflow_model_server", f'exec "{sys.executable}" "{IMITATION}" "$@"')


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    return exported(tmp_path_factory.mktemp("model") / "model", seed=1)


@pytest.fixture(scope="module")
def measured(model):
    return measured_by(model, 20)


def test_a_model_that_it_answers_for_as_was_measured_passes_and_nothing_listens_on_the_network(model, measured, binary):
    others, asked, seen = listening.descendants(os.getpid()), threading.Event(), []

    def watch():
        while not asked.is_set():
            seen.append(listening.addresses(listening.descendants(os.getpid()) - others))
            time.sleep(0.1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = canary.ask(model, measured, timeout=300, server=binary)
    asked.set()
    watcher.join()

    assert result.passed and result.reasons == []
    assert result.server == "TensorFlow Serving 2.19.1-rel" and result.photographs == 20
    assert result.largest_difference < canary.TOLERANCE
    assert 0 < result.latency_seconds < result.load_seconds and result.peak_memory > 100e6
    assert len(seen) > 10 and set().union(*seen) == set()


def test_a_model_that_it_can_not_load_is_refused_with_its_reason(measured, binary, tmp_path):
    damaged = pathlib.Path(exported(tmp_path / "model", seed=1))
    variables = damaged / "variables" / "variables.data-00000-of-00001"
    os.truncate(variables, variables.stat().st_size // 2)

    result = canary.ask(str(damaged), measured, timeout=300, server=binary)

    (reason,) = result.reasons
    assert not result.passed
    assert "loaded by TensorFlow Serving, it fails: UNKNOWN: 1 model(s) did not become available: " in reason


def test_a_server_that_dies_of_a_request_is_a_refusal(model, measured, binary, monkeypatch):
    monkeypatch.setenv("LANG", "die")

    (reason,) = canary.ask(model, measured, timeout=300, server=binary).reasons

    assert "the process that loaded it was ended by SIGABRT" in reason


def test_a_server_that_does_not_answer_in_time_says_nothing_of_the_model(model, measured, tmp_path):
    idle = program(tmp_path / "idle", 'if [ "$1" = --version ]; then echo "TensorFlow ModelServer: 0"; else exec sleep 60; fi')

    with pytest.raises(CanaryUnfinished, match=r"within 0\.5 seconds"):
        canary.ask(model, measured, timeout=0.5, server=idle)


@pytest.mark.parametrize(
    "binary_of, said",
    [
        (lambda folder: str(folder / "nowhere"), "and there is no such program here that can be run"),
        (lambda folder: "no_such_model_server", "pusher.model_server is no_such_model_server, and there is no such program"),
        (lambda folder: program(folder / "other", "echo hello; exit 3"), "it ended with status 3 and 'hello'"),
        (lambda folder: program(folder / "other", "exec cat").removesuffix("other"), "and there is no such program"),
        (lambda folder: not_for_this_machine(folder / "other"), "and it can't be started: "),
    ],
)
def test_what_is_no_such_server_is_said_in_a_sentence(binary_of, said, tmp_path):
    with pytest.raises(BadInput) as refused:
        model_server.require(binary_of(tmp_path))

    assert said in str(refused.value) and str(refused.value).endswith("null has the canary use TensorFlow alone.")
    assert "\n" not in str(refused.value)

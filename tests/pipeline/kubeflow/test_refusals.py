"""What a step refused is not done again when Kubeflow tries it again."""

import json

import pytest

from pipeline.kubeflow import entrypoint, refusals
from schemas.bad_input import BadInput
from schemas.failures import NotBlessed, ServiceUnavailable, TrainingDiverged

RUN = "s3://bucket/age/run-1"


def _executor_input(attempt=0, uuid="uuid"):
    return {
        "inputs": {"parameterValues": {"epochs": 3}},
        "outputs": {
            "artifacts": {
                "model": {"artifacts": [{"uri": f"{RUN}/Trainer/{uuid}/model"}]},
                "executor-logs": {"artifacts": [{"uri": f"{RUN}/Trainer/{uuid}/executor-logs-{attempt}"}]},
            },
            "outputFile": "output.json",
        },
    }


@pytest.fixture
def step(tmp_path, monkeypatch):
    """Runs attempts of a step in pods; `step.does` is what it does, `step.done` how often it did."""

    class Step:
        done = 0

        def does(self):
            raise BadInput("the loss is NaN")

        def attempt(self, number, pod=None, uuid="uuid"):
            monkeypatch.setenv(refusals.POD_VARIABLE, pod or f"pod-{number}")
            return entrypoint.main([entrypoint.INVOCATION_FLAG, json.dumps(_executor_input(number, uuid))])

    one = Step()

    def execute(*arguments):
        one.done += 1
        one.does()

    monkeypatch.setenv(entrypoint.WORKDIR_VARIABLE, str(tmp_path))
    monkeypatch.setattr(entrypoint, "_execute", execute)
    return one


def test_a_refusal_is_repeated_and_the_work_is_not(step, capsys):
    assert [step.attempt(number) for number in range(3)] == [2, 2, 2]
    assert step.done == 1
    said = capsys.readouterr().err
    assert said.count("Error: the loss is NaN") == 3 and said.count("An earlier attempt of this step said so") == 2


@pytest.mark.parametrize("kind, status", [(TrainingDiverged, 1), (NotBlessed, 3)])
def test_what_another_attempt_would_not_change_keeps_its_exit_status(step, kind, status):
    def fail():
        raise kind("the sentence")

    step.does = fail
    assert [step.attempt(number) for number in range(3)] == [status, status, status]
    assert step.done == 1


@pytest.mark.parametrize("error", [OSError("the node is going away"), ServiceUnavailable("no weights can be downloaded")])
def test_what_failed_otherwise_is_done_again(step, error):
    def fail():
        raise error

    step.does = fail
    assert step.attempt(0) == 1
    step.does = lambda: None
    assert step.attempt(1) == 0 and step.done == 2


def test_a_run_that_people_retry_is_looked_at_again(step):
    """Its attempts have the names of pods that they had before."""
    step.attempt(0)
    step.attempt(1)
    step.does = lambda: None
    assert step.attempt(0) == 0 and step.done == 2
    # Nothing is left of the refusal.
    assert step.attempt(1) == 0


def test_the_lease_is_given_back_when_the_run_is_over(step, tmp_path, monkeypatch):
    lease = tmp_path / "kubeflow" / "lease.json"
    step.does = lambda: None
    step.attempt(0)
    assert json.loads(lease.read_text()) == {"run_id": "run-1"}
    monkeypatch.setenv(entrypoint.LAST_STEP_VARIABLE, "1")
    step.attempt(0)
    assert not lease.exists()


def test_a_step_that_refuses_ends_its_run(step, tmp_path):
    step.attempt(0)
    assert not (tmp_path / "kubeflow" / "lease.json").exists()


def test_another_execution_is_not_concerned(step):
    step.attempt(0)
    step.attempt(0, uuid="another")
    assert step.done == 2

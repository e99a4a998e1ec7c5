"""One run at a time in a working directory."""

import fcntl
import json
import os
import threading
import time

import pytest

from pipeline.kubeflow import lease
from pipeline.kubeflow.lease import Lease
from schemas.bad_input import BadInput


def _age(tmp_path, seconds):
    path = tmp_path / "kubeflow" / "lease.json"
    os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_steps_of_one_run_share_it(tmp_path):
    with Lease(str(tmp_path), "one").held(), Lease(str(tmp_path), "one").held():
        pass


def test_another_run_is_refused_between_the_steps_too(tmp_path):
    with Lease(str(tmp_path), "one").held():
        pass
    _age(tmp_path, 300)
    with (
        pytest.raises(
            BadInput, match=r"the run one is using it; its last sign of life was 5 minutes ago.*remove .*lease\.json"
        ),
        Lease(str(tmp_path), "two").held(),
    ):
        pass


def test_what_was_given_back_can_be_had(tmp_path):
    with Lease(str(tmp_path), "one").held():
        pass
    Lease(str(tmp_path), "two").give_back()
    with pytest.raises(BadInput), Lease(str(tmp_path), "two").held():
        pass
    Lease(str(tmp_path), "one").give_back()
    with Lease(str(tmp_path), "two").held():
        pass


def test_a_run_that_was_lost_does_not_keep_it_for_ever(tmp_path):
    with Lease(str(tmp_path), "one").held():
        pass
    _age(tmp_path, lease.SILENCE + 60)
    with Lease(str(tmp_path), "two").held():
        pass
    with pytest.raises(BadInput, match="the run two is using it"), Lease(str(tmp_path), "one").held():
        pass


def test_a_run_that_failed_keeps_it_for_another_attempt_alone(tmp_path):
    one = Lease(str(tmp_path), "one")
    with one.held():
        pass
    one.loosen()
    with pytest.raises(BadInput), Lease(str(tmp_path), "two").held():
        pass
    _age(tmp_path, lease.SILENCE - 600 + 660)
    with Lease(str(tmp_path), "two").held():
        pass


def test_a_long_step_gives_signs_of_life(tmp_path, monkeypatch):
    monkeypatch.setattr(lease, "_RENEWED_EVERY", 0.05)
    with Lease(str(tmp_path), "one").held():
        _age(tmp_path, lease.SILENCE + 60)
        time.sleep(0.5)
        with pytest.raises(BadInput), Lease(str(tmp_path), "two").held():
            pass
    assert threading.active_count() == 1 or not any("_renew" in str(thread) for thread in threading.enumerate())


def test_a_local_run_and_a_step_keep_out_of_each_others_way(tmp_path):
    with open(tmp_path / lease.LOCK_OF_LOCAL_RUNS, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BadInput, match="a local run is using it"), Lease(str(tmp_path), "one").held():
            pass
        fcntl.flock(lock, fcntl.LOCK_UN)
        with Lease(str(tmp_path), "one").held(), pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_working_directory_that_is_on_no_volume_is_said(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(BadInput, match="can't be written in the step's container: .*kubeflow.volumes"),
        Lease(str(tmp_path / "file"), "one").held(),
    ):
        pass


def test_a_lease_that_can_not_be_read_is_nobodys(tmp_path):
    (tmp_path / "kubeflow").mkdir()
    (tmp_path / "kubeflow" / "lease.json").write_text("{")
    with Lease(str(tmp_path), "one").held():
        assert json.loads((tmp_path / "kubeflow" / "lease.json").read_text()) == {"run_id": "one"}

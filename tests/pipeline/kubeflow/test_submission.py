"""`age-pipeline submit` with the real client, over HTTP, against a server that answers Kubeflow's REST API."""

import datetime
import pathlib
import socket
import sys

import pytest
import yaml

from pipeline import cli
from pipeline.kubeflow import compiler, following, submission
from pipeline.kubeflow.installation import Installation as Connected
from pipeline.kubeflow.settings import Connection
from schemas.bad_input import BadInput
from tests.pipeline.kubeflow.api_server import Installation, serving

CONFIG = str(pathlib.Path(__file__).parents[3] / "configs" / "kubeflow.yaml")
SECRET = "ey-very-secret"


@pytest.fixture
def installation():
    return Installation()


@pytest.fixture
def host(installation):
    with serving(installation) as address:
        yield address
    assert installation.deviations == []


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch):
    monkeypatch.setattr(following.time, "sleep", lambda seconds: None)


@pytest.fixture
def submit(host, monkeypatch, capfd):
    """Runs the command in this process and returns its exit status, what it printed, and what it said went wrong."""
    compile_specification = compiler.compile_specification

    def compile_once(configured):
        key = configured.model_dump_json(exclude={"kubeflow": {"connection"}})
        if key not in _COMPILED:
            _COMPILED[key] = compile_specification(configured)
        return _COMPILED[key]

    monkeypatch.setattr(compiler, "compile_specification", compile_once)

    def run(*arguments, to=host):
        monkeypatch.setattr(sys, "argv", ["age-pipeline", "submit", "--config", CONFIG, "--host", to, *arguments])
        try:
            cli.main()
            status = 0
        except SystemExit as ending:
            status = ending.code or 0
        printed = capfd.readouterr()
        assert SECRET not in printed.out + printed.err
        return status, printed.out, printed.err

    return run


_COMPILED = {}
"""Compiling takes seconds; the same configuration gives the same bytes."""


def test_a_first_submission_creates_pipeline_version_and_run(submit, installation, host):
    status, out, _ = submit("--param", "epochs=3", "--param", "learning_rate=1e-4", "--param", "data_dir=/mnt/age/new")
    assert status == 0
    assert installation.pipelines == [{"pipeline_id": "p1", "display_name": "age"}]
    run = installation.runs["r1"]
    assert run["experiment_id"] == "e-Default"
    assert run["runtime_config"]["parameters"] == {"epochs": 3, "learning_rate": 1e-4, "data_dir": "/mnt/age/new"}
    assert f"{host}/#/runs/details/r1" in out
    assert "pipeline_root" not in run["runtime_config"] and "Artifacts: where the installation keeps them" in out
    sent = installation.versions[-1]
    assert run["pipeline_version_reference"] == {"pipeline_id": "p1", "pipeline_version_id": sent["pipeline_version_id"]}
    specification, platform = yaml.safe_load_all(sent["text"])
    assert specification["root"]["inputDefinitions"]["parameters"]["epochs"]["defaultValue"] == 10
    assert "Trainer_executor" in platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


@pytest.mark.parametrize("recurring", [[], ["--recurring", "0 3 * * 1"]])
def test_the_pipeline_root_is_given_with_the_run(submit, installation, recurring):
    """The one in the specification is dropped on the way to the workflow."""
    status, out, _ = submit("--set", "kubeflow.pipeline_root=s3://bucket/age/", *recurring)
    (started,) = (installation.recurring_runs if recurring else installation.runs).values()
    assert status == 0 and started["runtime_config"]["pipeline_root"] == "s3://bucket/age/"
    assert "Artifacts: s3://bucket/age/age/\n" in out


def test_the_same_version_is_not_uploaded_again_and_a_changed_one_is(submit, installation):
    """Among more versions than one page holds."""
    submit()
    (name,) = [version["display_name"] for version in installation.versions if version["display_name"] != "age"]
    older = [{"pipeline_id": "p1", "pipeline_version_id": f"old{n}", "display_name": f"old-{n}", "text": ""} for n in range(5)]
    installation.versions[:0] = older
    before = len(installation.versions)
    status, out, _ = submit()
    assert status == 0 and f"Version {name}: already there." in out
    assert len(installation.versions) == before and len(installation.pipelines) == 1

    submit("--set", "trainer.epochs=11")
    assert len(installation.versions) == before + 1


def test_a_recurring_run(submit, installation):
    status, out, _ = submit("--experiment", "nightly", "--recurring", "0 3 * * 1", "--param", "epochs=4")
    recurring = installation.recurring_runs["j1"]
    assert status == 0 and not installation.runs
    assert recurring["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * 1"
    assert recurring["experiment_id"] == "e-nightly" and recurring["mode"] == "ENABLE" and recurring["no_catchup"] is True
    assert recurring["display_name"] == "age" and recurring["max_concurrency"] == "1"
    assert recurring["runtime_config"]["parameters"] == {"epochs": 4}
    assert "/#/recurringrun/details/j1" in out


def test_a_recurring_run_takes_the_place_of_the_one_of_its_name(submit, installation):
    for name in ("Default", "nightly"):
        submit("--experiment", name, "--recurring", "0 3 * * 1")
    status, out, _ = submit("--experiment", "nightly", "--recurring", "30 4 * * *")
    assert status == 0 and "Recurring run j2: replaced by this one." in out
    left = {key: one["trigger"]["cron_schedule"]["cron"] for key, one in installation.recurring_runs.items()}
    assert left == {"j1": "0 0 3 * * 1", "j3": "0 30 4 * * *"}


REFUSED = "Error (exit code 1): Refused: "


@pytest.mark.parametrize(
    "state, tasks, status, said",
    [
        ("SUCCEEDED", {"BlessingGate": "SUCCEEDED"}, 0, "blessed"),
        (
            "FAILED",
            {"Trainer": "SUCCEEDED", "BlessingGate": ("FAILED", REFUSED + "NOT BLESSED. The model must not serve")},
            3,
            "not blessed",
        ),
        ("FAILED", {"DataGate": ("FAILED", REFUSED + "The data gate stopped the run")}, 2, "stopped by its input"),
        ("FAILED", {"RunStart": ("FAILED", "main: " + REFUSED + "epochs is 0")}, 2, "stopped by its input"),
        ("FAILED", {"FaceExampleGen": ("FAILED", REFUSED + "labels.csv has no header")}, 2, "stopped by its input"),
        # The launcher's exit status is that of a refusal too; what the step left says that it was none.
        ("FAILED", {"DataGate": ("FAILED", "Error (exit code 1): Failed: OSError: no space")}, 1, "failed"),
        ("FAILED", {"RunStart": ("FAILED", "OOMKilled (exit code 137)")}, 1, "failed"),
        ("FAILED", {"BlessingGate": ("ERROR", "pod deleted")}, 1, "failed"),
        ("FAILED", {"Trainer": "FAILED"}, 1, "failed"),
        ("CANCELED", {}, 1, "failed"),
    ],
)
def test_waiting_ends_with_the_runs_verdict(submit, installation, state, tasks, status, said):
    installation.states = [
        ("PENDING", {}),
        ("RUNNING", {"RunStart": "RUNNING", "RunStart-driver": "SUCCEEDED"}),
        (state, tasks),
    ]
    ended, out, _ = submit("--wait")
    assert ended == status
    assert f"The run ended: {said}." in out and "RunStart: running" in out and "driver" not in out


def test_what_a_step_said_is_told_once(submit, installation):
    lost, full = ("FAILED", "The node was low on resource: ephemeral-storage."), ("FAILED", REFUSED + "the loss is NaN")
    installation.states = [
        ("RUNNING", {"StatisticsGen": "SKIPPED", "Trainer(0)": "RUNNING"}),
        ("RUNNING", {"StatisticsGen": "SKIPPED", "Trainer(0)": lost, "Trainer(1)": "PENDING"}),
        ("RUNNING", {"StatisticsGen": "SKIPPED", "Trainer(0)": lost, "Trainer(1)": "RUNNING"}),
        ("FAILED", {"StatisticsGen": "SKIPPED", "Trainer(0)": lost, "Trainer(1)": full}),
    ]
    ended, out, _ = submit("--wait")
    assert ended == 2
    lines = [line for line in out.splitlines() if line.startswith(("StatisticsGen", "Trainer"))]
    assert lines == [
        "StatisticsGen: from the cache",
        "Trainer: running",
        "Trainer: failed; it is tried again: The node was low on resource: ephemeral-storage.",
        "Trainer, attempt 2: waiting to start",
        "Trainer, attempt 2: running",
        "Trainer, attempt 2: failed: the loss is NaN",
    ]


def test_a_driver_that_fails_is_told(submit, installation):
    installation.states = [("FAILED", {"Trainer-driver": ("FAILED", "unknown field emptyDirMounts")})]
    ended, out, _ = submit("--wait")
    assert ended == 1 and "Trainer (Kubeflow's driver): failed: unknown field emptyDirMounts" in out


def test_a_step_that_no_node_takes_ends_the_waiting_with_the_schedulers_reason(submit, installation):
    installation.started -= datetime.timedelta(minutes=16)
    reason = "Unschedulable: 0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    installation.states = [("RUNNING", {"Trainer": ("PENDING", reason)})]
    ended, out, err = submit("--wait")
    assert ended == 1 and f"Trainer: waiting to start: {reason}" in out
    assert f"Trainer has been waiting to start for 16 minutes (--pending-timeout 15): {reason}" in err
    assert "The run was left as it is" in err and "Traceback" not in err


def test_why_a_step_waits_is_told_once(submit, installation):
    """The scheduler counts its nodes anew every few seconds."""
    waiting = [f"Unschedulable: 0/{nodes} nodes are available" for nodes in (3, 4, 5)]
    installation.states = [
        *(("RUNNING", {"Trainer": ("PENDING", reason)}) for reason in waiting),
        ("RUNNING", {"Trainer": ("PENDING", "ImagePullBackOff: Back-off pulling image")}),
        ("SUCCEEDED", {"Trainer": "SUCCEEDED"}),
    ]
    _, out, _ = submit("--wait")
    lines = [line for line in out.splitlines() if line.startswith("Trainer: waiting")]
    assert lines == [
        "Trainer: waiting to start: Unschedulable: 0/3 nodes are available",
        "Trainer: waiting to start: ImagePullBackOff: Back-off pulling image",
    ]


def test_a_step_may_wait_as_long_as_is_said(submit, installation):
    installation.started -= datetime.timedelta(minutes=16)
    installation.states = [("RUNNING", {"Trainer": ("PENDING", "")}), ("SUCCEEDED", {"Trainer": "SUCCEEDED"})]
    assert submit("--wait", "--pending-timeout", "20")[0] == 0


def test_an_installation_without_the_older_api_tells_states_alone(submit, installation):
    installation.older_api = False
    installation.states = [("FAILED", {"BlessingGate-driver": "SUCCEEDED", "BlessingGate": "FAILED"})]
    ended, out, _ = submit("--wait")
    # Why it failed is not known, and not guessed.
    assert ended == 1 and "BlessingGate: failed" in out and "driver" not in out


def test_waiting_outlasts_a_gateway_that_is_restarted(submit, installation, host):
    submit()
    installation.fail_next = [503, 502, 503]
    assert following.follow(Connected(host, Connection()), "r1", lambda line: None) == following.BLESSED


def test_token_headers_and_cookie_come_from_the_environment(submit, installation, monkeypatch):
    installation.token, installation.header = SECRET, ("X-Forwarded-Key", SECRET + "-key")
    monkeypatch.setenv("KFP_TOKEN", SECRET)
    monkeypatch.setenv("KFP_KEY", SECRET + "-key")
    monkeypatch.setenv("KFP_COOKIE", "session=" + SECRET)
    status, _, err = submit(
        "--set",
        "kubeflow.connection.token_env=KFP_TOKEN",
        "--set",
        "kubeflow.connection.header_env={X-Forwarded-Key: KFP_KEY}",
        "--set",
        "kubeflow.connection.cookie_env=KFP_COOKIE",
    )
    assert status == 0, err
    assert all(headers.get("Cookie") == "session=" + SECRET for _, _, headers in installation.requests)
    assert SECRET not in "".join(version["text"] for version in installation.versions)


def test_a_token_may_lie_in_a_file(submit, installation, tmp_path):
    installation.token = SECRET
    (tmp_path / "token").write_text(SECRET + "\n")
    status, _, err = submit("--set", f"kubeflow.connection.token_file={tmp_path / 'token'}")
    assert status == 0, err


def test_a_token_that_is_replaced_while_a_run_is_followed_is_read_anew(submit, installation, tmp_path):
    file = tmp_path / "token"

    def expiring():
        """A new token for every request, as the file has it at that time."""
        expected = file.read_text()
        file.write_text(SECRET + str(len(installation.requests)))
        return expected

    file.write_text(SECRET)
    installation.token = expiring
    status, _, err = submit("--wait", "--set", f"kubeflow.connection.token_file={file}")
    assert status == 0, err
    assert len({headers["authorization"] for _, _, headers in installation.requests}) == len(installation.requests)


@pytest.mark.parametrize("named", ["token_env=KFP_TOKEN", "cookie_env=KFP_TOKEN", "header_env={X-Key: KFP_TOKEN}"])
def test_secrets_do_not_cross_the_network_in_the_open(submit, monkeypatch, named):
    monkeypatch.setenv("KFP_TOKEN", SECRET)
    status, _, err = submit("--set", f"kubeflow.connection.{named}", to="http://kubeflow.invalid")
    assert status == 2 and "would cross the network in the open" in err and named.split("=")[0] in err
    # Said to be wanted, it is tried.
    status, _, err = submit("--insecure", "--set", f"kubeflow.connection.{named}", to="http://kubeflow.invalid")
    assert status == 1 and "can't be reached" in err


@pytest.mark.parametrize("answer", ["nothing", "required"])
def test_on_an_installation_for_several_users_pipelines_are_those_of_the_namespace(submit, installation, answer):
    installation.namespaces = answer
    installation.pipelines = []
    for overrides in ([], ["--set", "trainer.epochs=11"]):
        status, _, err = submit("--set", "kubeflow.connection.namespace=alice", *overrides)
        assert status == 0, err
    assert [one["namespace"] for one in installation.pipelines] == ["alice"]
    assert {one["pipeline_id"] for one in installation.versions} == {"p1"}


def test_a_missing_namespace_is_said(submit, installation):
    installation.namespaces = "required"
    status, _, err = submit()
    assert status == 2 and "kubeflow.connection.namespace" in err and "several users" in err


def test_a_refused_token_is_said_in_a_sentence(submit, installation, monkeypatch):
    installation.token = "another"
    monkeypatch.setenv("KFP_TOKEN", SECRET)
    status, _, err = submit("--set", "kubeflow.connection.token_env=KFP_TOKEN")
    assert status == 2 and "refused while looking up the experiment 'Default' (401" in err and "Traceback" not in err


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--experiment", "nigthly"], "--experiment nigthly: "),
        (["--param", "epoch=3"], "the pipeline has no parameter 'epoch'. Expected one of data_dir, epochs, learning_rate"),
        (["--param", "epochs=many"], "epochs is 'many'; expected a whole number"),
        (["--param", "epochs"], "expected a name and a value"),
        (["--recurring", "daily"], "found 1 field(s); expected five"),
        (["--recurring", "0 3 * * 1", "--wait"], "a recurring run has no end to wait for"),
        (["--set", "kubeflow.connection.token_env=NOT_SET"], "the environment variable NOT_SET is not set"),
        (["--set", "kubeflow.connection.token_file=/nowhere/token"], "/nowhere/token: the token can't be read"),
        (["--set", "kubeflow.connection.ca_file=/nowhere/ca"], "/nowhere/ca: there is no such file"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(submit, installation, arguments, said):
    status, _, err = submit(*arguments)
    assert status == 2 and said in err and "Traceback" not in err
    assert not installation.runs and not installation.recurring_runs and not installation.pipelines


def test_a_missing_experiment_is_answered_with_those_that_exist(submit):
    _, _, err = submit("--experiment", "daily")
    assert "it has: Default, nightly" in err


def test_a_host_that_does_not_answer(submit):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        status, _, err = submit(to=f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert status == 1 and "can't be reached" in err and "Traceback" not in err


@pytest.mark.parametrize("host", ["kubeflow.example.org", "ftp://kubeflow"])
def test_a_host_without_scheme(submit, host):
    status, _, err = submit(to=host)
    assert status == 2 and "expected an address that begins with https://" in err


def test_an_address_that_is_something_else(submit, host):
    status, _, err = submit(to=host + "/wiki")
    assert status == 2 and "not found while" in err


def test_a_server_that_fails_is_no_fault_of_the_input(submit, installation):
    installation.fail_next = [500]
    status, _, err = submit()
    assert status == 1 and "answered 500" in err and "upstream connect error" in err and "Traceback" not in err


def test_five_and_six_fields():
    assert submission.six_field_cron("*/5 * * * *") == "0 */5 * * * *"
    assert submission.six_field_cron("30 0 3 * * 1") == "30 0 3 * * 1"
    with pytest.raises(BadInput):
        submission.six_field_cron("")

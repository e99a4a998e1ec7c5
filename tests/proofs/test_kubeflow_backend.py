"""What stands in for a cluster's other parts when Kubeflow's real backend is proved: as Argo, the kubelet and the API do it."""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from proofs.kubeflow_backend import __main__, argo, kubernetes_api
from proofs.kubeflow_backend.containers import Image, Kubelet


def can_mount():
    probe = ["unshare", "--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    return os.geteuid() == 0 and shutil.which("unshare") and subprocess.run(probe, capture_output=True).returncode == 0


def test_without_a_program_that_is_needed_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda program, path=None: None if program == "mariadbd" else program)
    with pytest.raises(SystemExit, match=r"needs mariadbd, and there is none here: apt install mariadb-server-core\.$"):
        __main__.require()


def test_placeholders_of_argo_are_replaced_and_those_of_kubeflow_stay():
    scope = {"inputs.parameters.task": '{"name": "Trainer"}', "workflow.name": "age-1"}
    given = {"args": ["--task", "{{inputs.parameters.task}}", "{{$}}", "{{workflow.name}}-x", "{{workflow.labels.none}}"]}
    assert argo.resolved(given, scope) == {
        "args": ["--task", '{"name": "Trainer"}', "{{$}}", "age-1-x", "{{workflow.labels.none}}"]
    }


def test_a_patch_is_merged_into_the_container_of_its_name():
    specification = {
        "containers": [{"name": "main", "image": "none", "env": [{"name": "POD", "value": "1"}]}],
        "volumes": [{"name": "kfp-launcher", "emptyDir": {}}],
    }
    patch = {
        "containers": [{"name": "main", "image": "age", "env": [{"name": "KEY", "value": "2"}], "command": ["launch"]}],
        "volumes": [{"name": "age", "persistentVolumeClaim": {"claimName": "age"}}],
        "activeDeadlineSeconds": 60,
    }
    main = {"name": "main", "image": "age", "env": [{"name": "POD", "value": "1"}, {"name": "KEY", "value": "2"}]}
    assert argo.merged(specification, patch) == {
        "containers": [{**main, "command": ["launch"]}],
        "volumes": [*specification["volumes"], *patch["volumes"]],
        "activeDeadlineSeconds": 60,
    }


def test_an_object_that_was_changed_since_it_was_read_is_not_overwritten():
    objects = kubernetes_api.Objects()
    created = objects.create("kubeflow", "workflows", {"metadata": {"generateName": "age-"}})
    name = created["metadata"]["name"]
    labelled = objects.patch("kubeflow", "workflows", name, {"metadata": {"labels": {"a": "1"}}})
    with pytest.raises(kubernetes_api.Conflict):
        objects.update("kubeflow", "workflows", name, created)
    assert objects.update("kubeflow", "workflows", name, labelled)["metadata"]["labels"] == {"a": "1"}
    assert name.startswith("age-") and [one["metadata"]["name"] for one in objects.all("kubeflow", "workflows")] == [name]


def _container(name, **fields):
    return {"name": name, "image": "tools", "command": ["sh", "-c"], **fields}


@pytest.mark.skipif(not can_mount(), reason="mounting needs root, and a container may not let it")
def test_a_workflow_of_pods_tries_again_and_leaves_nothing_behind(tmp_path):
    """Run in a mount namespace of its own, as the proof is: the pods' files lie on a file system of their own."""
    script = "from tests.proofs.test_kubeflow_backend import run_workflow; import sys; run_workflow(sys.argv[1])"
    finished = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", script, str(tmp_path)],
        cwd=__main__.CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.splitlines() == ["Failed: Error (exit code 3): attempt 0", "Succeeded: ", "Skipped"]
    assert (tmp_path / "claim" / "result").read_text() == "of attempt 1, secret"
    assert not list((tmp_path / "pods").iterdir()) and not os.path.exists("/written-by-a-container")


def run_workflow(directory):
    """Runs a driver, a step that it describes and whose first attempt fails, and one that comes from the cache."""
    tmp_path = pathlib.Path(directory)
    for name in ("pods", "logs", "claim"):
        (tmp_path / name).mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "pods")], check=True)
    images = {"tools": Image({"PATH": "/usr/bin:/bin"}, {})}
    kubelet = Kubelet(tmp_path / "pods", images, {"age": tmp_path / "claim"}, lambda name, key: f"{name}{key}", {}, {})
    patch = {
        "containers": [
            {
                "name": "main",
                "args": [
                    'touch /written-by-a-container; printf "attempt $TRY" >/dev/termination-log; '
                    '[ "$TRY" = 1 ] || exit 3; printf "of attempt $TRY, $KEY" >/mnt/age/result'
                ],
                "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "sec", "key": "ret"}}}],
                "volumeMounts": [{"name": "age", "mountPath": "/mnt/age"}],
            }
        ],
        "volumes": [{"name": "age", "persistentVolumeClaim": {"claimName": "age"}}],
    }
    outputs = {"parameters": [{"name": "patch", "valueFrom": {"path": "/tmp/outputs/patch"}}]}
    write = f"mkdir -p /tmp/outputs && printf '%s' '{json.dumps(patch)}' >{{{{outputs.parameters.patch.path}}}}"
    step = {"name": "pod-spec-patch", "value": "{{tasks.driver.outputs.parameters.patch}}"}
    templates = [
        {
            "name": "dag",
            "dag": {
                "tasks": [
                    {"name": "step", "template": "step", "depends": "driver.Succeeded", "arguments": {"parameters": [step]}},
                    {"name": "cached", "template": "step", "depends": "step.Succeeded", "when": "true != true"},
                    {"name": "driver", "template": "driver"},
                ]
            },
        },
        {"name": "driver", "outputs": outputs, "container": _container("main", args=[write])},
        {
            "name": "step",
            "inputs": {"parameters": [{"name": "pod-spec-patch"}]},
            "podSpecPatch": "{{inputs.parameters.pod-spec-patch}}",
            "retryStrategy": {"limit": "1"},
            "container": _container("main", env=[{"name": "TRY", "value": "{{retries}}"}]),
        },
    ]
    manifest = {
        "metadata": {"name": "age-1", "uid": "1", "creationTimestamp": "now"},
        "spec": {"entrypoint": "dag", "arguments": {}, "templates": templates},
    }
    phase = argo.Workflow(manifest, kubelet, tmp_path / "logs", lambda: None, lambda *_: None).run()
    assert phase == argo.SUCCEEDED, manifest
    for node in manifest["status"]["nodes"].values():
        if node["templateName"] == "step" and node["type"] == "Pod":
            print(f"{node['phase']}: {node['message']}")
        elif node["type"] == "Skipped":
            print(node["phase"])

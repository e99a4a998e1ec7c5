"""An installation of Kubeflow Pipelines on this machine, in namespaces of its own: what is real in it, and what stands in.

Real: the API server, the driver and the launcher; MariaDB; ML Metadata's store. Standing in: the Kubernetes API, the kubelet,
Argo Workflows, Kubeflow's persistence agent, the server in front of ML Metadata's store, and gofakes3, which speaks S3.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from proofs.kubeflow_backend import kubernetes_api, metadata_server
from proofs.kubeflow_backend.argo import Workflow
from proofs.kubeflow_backend.containers import Image, Kubelet

HOST = "http://127.0.0.1:8888"
NAMESPACE = "kubeflow"
IMAGE = "age-pipeline:proof"
SECRETS = {
    "mlpipeline-minio-artifact": {"accesskey": "minio", "secretkey": "minio123"},
    "store": {"accesskey": "key-of-the-store", "secretkey": "very-secret"},
}

_SERVICES = "ml-pipeline metadata-grpc-service minio-service seaweedfs mysql"
_API_SERVER = {
    "POD_NAMESPACE": NAMESPACE,
    "CLUSTER_DOMAIN": "cluster.local",
    "PUBLISH_LOGS": "true",
    "PIPELINE_LOG_LEVEL": "1",
    "AUTO_UPDATE_PIPELINE_DEFAULT_VERSION": "true",
    "DBCONFIG_MYSQLCONFIG_USER": "root",
    "DBCONFIG_MYSQLCONFIG_PASSWORD": "",
    "DBCONFIG_MYSQLCONFIG_HOST": "127.0.0.1",
    "DBCONFIG_MYSQLCONFIG_PORT": "3306",
    "OBJECTSTORECONFIG_SECURE": "false",
    "OBJECTSTORECONFIG_BUCKETNAME": "mlpipeline",
    "OBJECTSTORECONFIG_HOST": "minio-service.kubeflow",
    "OBJECTSTORECONFIG_PORT": "9000",
    # Kubernetes' own variables for services; the visualization server is not here, and nothing asks it.
    "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST": "127.0.0.1",
    "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_PORT": "8889",
    "MINIO_SERVICE_SERVICE_HOST": "minio-service.kubeflow",
    "MINIO_SERVICE_SERVICE_PORT": "9000",
    "OBJECTSTORECONFIG_ACCESSKEY": SECRETS["mlpipeline-minio-artifact"]["accesskey"],
    "OBJECTSTORECONFIG_SECRETACCESSKEY": SECRETS["mlpipeline-minio-artifact"]["secretkey"],
    "V2_DRIVER_IMAGE": "kfp-driver",
    "V2_LAUNCHER_IMAGE": "kfp-launcher",
}
_PATIENCE = 120


class Installation:
    """Starts everything; it ends with the process namespace.

    Args:
        directory: for what it keeps; `volume` in it is the claim `age`.
        programs: Kubeflow's, as built.
        store: the program of the object store.
        configuration: directory of the API server's `config.json`.
        package: the project as installed.
        ended: called with a run and a pod's node when the pod has ended.
    """

    def __init__(self, directory: pathlib.Path, programs: pathlib.Path, store: pathlib.Path, configuration, package, ended):
        self._directory = directory
        self._programs = programs
        self._ended = ended
        self._objects = kubernetes_api.Objects()
        for part in ("logs", "pods", "serviceaccount", "volume", "home"):
            (directory / part).mkdir(exist_ok=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        # An overlay can't lie within what it lies over.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(directory / "pods")], check=True)
        self._hosts()
        self._kubernetes()
        self._metadata = metadata_server.serve(directory / "metadata.sqlite", "127.0.0.1:8080")
        self._start("store", [str(store), "-host=127.0.0.1:9000", "-backend=memory", "-initialbucket=mlpipeline"], {}, 9000)
        self._mariadb()
        self._api_server(configuration)
        python = pathlib.Path(sys.prefix)
        age = Image(
            {
                "PATH": f"{python}/bin:/usr/bin:/bin",
                "PYTHONPATH": "/opt/age",
                "HOME": "/home/age",
                "TF_CPP_MIN_LOG_LEVEL": "2",
            },
            {"/home/age": "tmpfs", "/opt/age": str(package), str(python): str(python), sys.base_prefix: sys.base_prefix},
        )
        kubeflow = Image({"PATH": str(programs), "HOME": "/"}, {str(programs): str(programs)})
        self._kubelet = Kubelet(
            directory / "pods",
            {IMAGE: age, "kfp-driver": kubeflow, "kfp-launcher": kubeflow},
            {"age": directory / "volume"},
            lambda name, key: SECRETS[name][key],
            self._mounts,
            self._kubernetes_environment,
        )
        threading.Thread(target=self._run_workflows, daemon=True).start()

    def _hosts(self) -> None:
        names = (f"{name} {name}.{NAMESPACE} {name}.{NAMESPACE}.svc.cluster.local" for name in _SERVICES.split())
        (self._directory / "hosts").write_text(f"127.0.0.1 localhost {' '.join(names)}\n")
        subprocess.run(["mount", "--bind", str(self._directory / "hosts"), "/etc/hosts"], check=True)

    def _kubernetes(self) -> None:
        account = self._directory / "serviceaccount"
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=kubernetes -addext subjectAltName=IP:127.0.0.1"
        subprocess.run(
            [*command.split(), "-keyout", str(self._directory / "kubernetes.key"), "-out", str(account / "ca.crt")],
            check=True,
            capture_output=True,
        )
        (account / "namespace").write_text(NAMESPACE)
        (account / "token").write_text("of-nobody")
        for name, values in SECRETS.items():
            data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
            self._objects.create(
                NAMESPACE, "secrets", {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
            )
        key, certificate = str(self._directory / "kubernetes.key"), str(account / "ca.crt")
        kubernetes_api.serve(self._objects, ("127.0.0.1", 6443), certificate, key)
        self._kubernetes_environment = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"}
        self._mounts = {
            "/etc/hosts": str(self._directory / "hosts"),
            # /var/run is a link to it.
            "/run/secrets/kubernetes.io/serviceaccount": str(account),
        }

    def _start(self, name: str, command: list, environment: dict, port: int) -> None:
        log = (self._directory / "logs" / f"{name}.log").open("ab")
        running = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        give_up = time.monotonic() + _PATIENCE
        while time.monotonic() < give_up:
            if running.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                return
            time.sleep(0.3)
        sys.exit(f"{name} did not start: see {log.name}.")

    def _mariadb(self) -> None:
        data, program = self._directory / "mariadb", shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")
        data.mkdir()
        options = [f"--basedir={pathlib.Path(program).parents[1]}", f"--datadir={data}", f"--socket={data}/socket"]
        # Without its tables of users and rights, which nobody made.
        command = [program, "--no-defaults", "--user=root", "--skip-grant-tables", "--bind-address=127.0.0.1", *options]
        self._start("mariadb", command, {}, 3306)

    def _api_server(self, configuration: pathlib.Path) -> None:
        # In this mount namespace, at the place where a pod has it.
        account = pathlib.Path("/run/secrets/kubernetes.io/serviceaccount")
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)
        account.mkdir(parents=True)
        subprocess.run(["mount", "--bind", str(self._directory / "serviceaccount"), str(account)], check=True)
        command = [
            str(self._programs / "apiserver"),
            f"--config={configuration}",
            "-logtostderr=true",
        ]
        self._start("apiserver", command, {**_API_SERVER, **self._kubernetes_environment}, 8888)

    def _run_workflows(self) -> None:
        begun = set()
        while True:
            for manifest in self._objects.all(NAMESPACE, "workflows"):
                if manifest["metadata"]["name"] not in begun:
                    begun.add(manifest["metadata"]["name"])
                    self._run_workflow(manifest)
            time.sleep(0.5)

    def _run_workflow(self, manifest: dict) -> None:
        name, run_id = manifest["metadata"]["name"], manifest["metadata"]["labels"]["pipeline/runid"]

        def changed():
            del manifest["metadata"]["resourceVersion"]
            manifest.update(self._objects.update(NAMESPACE, "workflows", name, manifest))
            self._report(manifest)

        logs = self._directory / "logs" / run_id
        logs.mkdir()
        (logs / "workflow.json").write_text(json.dumps(manifest, indent=1))
        Workflow(manifest, self._kubelet, logs, changed, lambda node: self._ended(run_id, node)).run()

    def _report(self, manifest: dict) -> None:
        """Tells the API server what became of a workflow, as Kubeflow's persistence agent does."""
        request = urllib.request.Request(
            f"{HOST}/apis/v1beta1/workflows",
            json.dumps(json.dumps(manifest)).encode(),
            {"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with urllib.request.urlopen(request, timeout=60):
                pass
        except OSError as error:
            # The agent tries again with the next change.
            detail = error.read().decode(errors="replace") if hasattr(error, "read") else ""
            with (self._directory / "logs" / "reports.log").open("a") as log:
                log.write(f"{error}: {detail}\n")

"""Runs a compiled specification as Kubeflow's backend does on a cluster: tasks in order, each a container or from the cache.

The launcher is `backend/src/v2/component/launcher_v2.go`; the order and the retries are Argo's. A container's root file
system is a directory: the one field that is unlike a pod's is the path of the executor's output files, which lie below it,
and `AGE_PIPELINE_MOUNT_ROOT` says where the launcher's mounts are. What a container left elsewhere than in its outputs and
on volumes is gone for the next one.
"""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import uuid
from collections.abc import Iterator
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from tests.kubeflow.imitation import driver
from tests.kubeflow.imitation.containers import Containers
from tests.kubeflow.imitation.metadata import MetadataStore, PublishingFailed, Recorded
from tests.kubeflow.imitation.object_store import ObjectStore, local_path
from tests.kubeflow.imitation.releases import Release

PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts"
"""The root that an installation has unless it is told another."""

_NO_LIMIT = 900


def parse(text: str) -> tuple[Any, Any]:
    """Returns the specification and the deployment configuration as protobuf; unknown fields are errors."""
    documents = list(yaml.safe_load_all(text))
    specification = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.ParseDict(
        json_format.MessageToDict(specification.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    return specification, deployment


@dataclasses.dataclass
class Attempt:
    """One try at a task.

    Attributes:
        executor_input: what the container was given in the place of `{{$}}`, before its root was put in front of paths.
        pod: what was asked of Kubernetes.
        status: the container's exit status.
        message: what it left at `/dev/termination-log`, which Argo shows.
        log: what it wrote.
        downloaded: bytes that were copied into the pod, by input.
    """

    executor_input: dict[str, Any]
    pod: dict[str, Any]
    status: int
    message: str
    log: str
    downloaded: dict[str, int]


@dataclasses.dataclass
class Task:
    """What became of a task.

    Attributes:
        status: of its last launcher: 0, or 1 whatever the container's status was.
        cached: whether it came from the cache.
        artifacts: what ML Metadata has of its outputs.
        parameters: its output parameters.
        attempts: the tries at it.
    """

    status: int
    cached: bool
    artifacts: dict[str, Recorded]
    parameters: dict[str, Any]
    attempts: list[Attempt] = dataclasses.field(default_factory=list)

    @property
    def log(self) -> str:
        return self.attempts[-1].log

    @property
    def container_status(self) -> int:
        """Exit status of the step's own command, which the launcher keeps to itself."""
        return self.attempts[-1].status


class Cluster:
    """An object store, a metadata store and a cache; runs are given to it one after the other.

    Args:
        specification: the compiled YAML.
        directory: for everything that it keeps.
        containers: starts them.
        release: of the backend.
        claims: what persistent volume claims hold, by name.
        secrets: values by secret and key.
        publish_logs: the installation's `PUBLISH_LOGS`.
        pipeline_root: the root that runs are given, if any.
        namespace: of the runs.
    """

    def __init__(
        self,
        specification: str,
        directory: pathlib.Path,
        containers: Containers | None,
        release: Release,
        claims: dict[str, pathlib.Path] | None = None,
        secrets: dict[str, dict[str, str]] | None = None,
        publish_logs: bool = True,
        pipeline_root: str = PIPELINE_ROOT,
        namespace: str = "kubeflow",
    ):
        parse(specification)
        self.specification, platform = yaml.safe_load_all(specification)
        self.store = ObjectStore(directory / "store")
        self.nodes_that_go_away: dict[tuple[str, int], float] = {}
        """Seconds after which the node of an attempt goes away, by task and number of the attempt."""
        self._platform = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        self._pods = directory / "pods"
        self._containers = containers
        self._release = release
        self._claims, self._secrets = claims or {}, secrets or {}
        self._publish_logs = publish_logs
        self._root = pipeline_root
        self._namespace = namespace
        self._metadata = MetadataStore(release)
        self._cache: dict[tuple[str, str, str], Task] = {}

    @property
    def tasks(self) -> dict[str, Any]:
        """Specifications of the tasks, by name."""
        return self.specification["root"]["dag"]["tasks"]

    def run(self, run_id: str, **parameters: Any) -> dict[str, Task]:
        """Runs tasks in the order of their dependencies until one fails.

        Args:
            run_id: the run's UUID.
            **parameters: overrides of the pipeline's parameters.

        Returns:
            The tasks that were run or came from the cache, by name.
        """
        declared = self.specification["root"].get("inputDefinitions", {}).get("parameters", {})
        of_the_run = driver.root_parameters(declared, parameters)
        done: dict[str, Task] = {}
        waiting = sorted(self.tasks)
        while waiting and all(task.status == 0 for task in done.values()):
            name = next(name for name in waiting if all(other in done for other in self.tasks[name].get("dependentTasks", [])))
            waiting.remove(name)
            done[name] = self._task(run_id, name, of_the_run, done)
        return done

    def _task(self, run_id: str, name: str, of_the_run: dict[str, Any], done: dict[str, Task]) -> Task:
        task = self.tasks[name]
        component = self.specification["components"][task["componentRef"]["name"]]
        container = self.specification["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        platform = self._platform[component["executorLabel"]]
        executor_input = self._executor_input(run_id, name, task, component, of_the_run, done)

        key = None
        if task.get("cachingOptions", {}).get("enableCache"):
            found = driver.fingerprint(self._release, executor_input, component, container, platform)
            key = (found, self.specification["pipelineInfo"]["name"], self._namespace)
            if key in self._cache:
                return dataclasses.replace(self._cache[key], cached=True, attempts=[])

        outcome = Task(1, False, {}, {})
        for attempt in range(int(task.get("retryPolicy", {}).get("maxRetryCount", 0)) + 1):
            # Every attempt has a file system of its own, with the same paths.
            pod = self._pods / run_id / name
            self._attempt(name, attempt, executor_input, container, driver.pod(container, platform), pod, outcome)
            shutil.rmtree(pod)
            if outcome.status == 0:
                if key:
                    self._cache[key] = outcome
                break
        return outcome

    def _executor_input(self, run_id, name, task, component, of_the_run, done) -> dict[str, Any]:
        parameters = {producer: outcome.parameters for producer, outcome in done.items()}
        inputs: dict[str, Any] = {}
        values = driver.input_parameters(task, component, of_the_run, parameters, run_id)
        if values:
            inputs["parameterValues"] = values
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            output = source["taskOutputArtifact"]
            recorded = done[output["producerTask"]].artifacts[output["outputArtifactKey"]]
            inputs.setdefault("artifacts", {})[key] = {"artifacts": [recorded.as_input()]}
        root = "/".join((self._root, self.specification["pipelineInfo"]["name"], run_id, name))
        provisioned = driver.outputs(self._release, root, component, str(uuid.uuid4()), self._publish_logs)
        return {"inputs": inputs, "outputs": provisioned}

    def _attempt(self, name, number, executor_input, container, asked, pod, outcome: Task) -> None:
        """One run of the launcher."""
        given = driver.with_attempt(self._release, executor_input, number, self._publish_logs)
        outputs = given["outputs"]
        mounts = pod / "mounts"
        for directory in ("work", "home", "tmp/kfp/outputs", "tmp/kfp_outputs"):
            (pod / directory).mkdir(parents=True)
        downloaded = {
            key: self.store.download(artifact["uri"], local_path(artifact["uri"], mounts), self._release.downloads_siblings)
            for key, listed in given["inputs"].get("artifacts", {}).items()
            for artifact in listed["artifacts"]
        }
        for listed in outputs.get("artifacts", {}).values():
            local_path(listed["artifacts"][0]["uri"], mounts).parent.mkdir(parents=True, exist_ok=True)
        log = pod / "log"
        if self._publish_logs:
            log = local_path(driver.only_artifact(outputs["artifacts"][driver.LOGS])["uri"], mounts)
        log.touch()
        termination_log = mounts / "dev" / "termination-log"
        termination_log.parent.mkdir(parents=True, exist_ok=True)
        termination_log.touch()

        rooted = _rooted(given, pod)
        pathlib.Path(rooted["outputs"]["outputFile"]).parent.mkdir(parents=True, exist_ok=True)
        command = [
            part.replace("{{$}}", json.dumps(rooted, separators=(",", ":")))
            for part in [*container["command"], *container["args"]]
        ]
        with self._mounted(asked):
            ended = self._containers.run(
                command,
                directory=pod / "work",
                environment={
                    **self._environment(asked),
                    "HOME": str(pod / "home"),
                    "TMPDIR": str(pod / "tmp"),
                    "AGE_PIPELINE_MOUNT_ROOT": str(mounts),
                    # Argo names a pod after its node, and a node of one attempt as that of the same attempt before.
                    "KFP_POD_NAME": f"{pod.parent.name}-{name}-{number}",
                },
                log=log,
                time_limit=asked.get("activeDeadlineSeconds", _NO_LIMIT),
                end_after=self.nodes_that_go_away.get((name, number)),
            )
        # Kubernetes keeps the first 4096 bytes.
        message = termination_log.read_bytes()[:4096].decode(errors="replace")
        attempt = Attempt(given, asked, ended.status, message, ended.log, downloaded)
        limit = _bytes(asked["containers"][0]["resources"].get("limits", {}).get("memory"))
        if limit is not None and ended.peak_memory > limit:
            attempt.status = 137
            attempt.log += f"\nOOMKilled: it held {ended.peak_memory} bytes, more than the limit of {limit}.\n"
        outcome.attempts.append(attempt)
        outcome.status = 0 if attempt.status == 0 else 1
        if outcome.status == 0:
            self._publish(given, rooted, mounts, outcome)
        elif self._publish_logs and self._release.keeps_logs_of_failures:
            logs = driver.only_artifact(outputs["artifacts"][driver.LOGS])
            self.store.upload(logs["uri"], log)
            outcome.artifacts[driver.LOGS] = self._metadata.record(driver.LOGS, logs)

    def _publish(self, given, rooted, mounts: pathlib.Path, outcome: Task) -> None:
        """Collects what the container wrote: `getExecutorOutputFile`, `collectOutputParameters`, `uploadOutputArtifacts`."""
        output_file = pathlib.Path(rooted["outputs"]["outputFile"])
        written = json.loads(output_file.read_text()) if output_file.exists() else {}
        json_format.ParseDict(written, pipeline_spec_pb2.ExecutorOutput())
        for key, parameter in given["outputs"].get("parameters", {}).items():
            values = written.get("parameterValues", {})
            if key not in values:
                raise AssertionError(f"the step wrote no {key}, and no file {parameter['outputFile']}")
            outcome.parameters[key] = values[key]
        for key, listed in given["outputs"].get("artifacts", {}).items():
            artifact = dict(driver.only_artifact(listed))
            said = written.get("artifacts", {}).get(key)
            if said and key != driver.LOGS:
                said = driver.only_artifact(said)
                artifact["uri"] = said.get("uri") or artifact["uri"]
                artifact["metadata"] = {**artifact.get("metadata", {}), **said.get("metadata", {})}
            self.store.upload(artifact["uri"], local_path(artifact["uri"], mounts))
            try:
                outcome.artifacts[key] = self._metadata.record(key, artifact)
            except PublishingFailed as error:
                outcome.status = 1
                outcome.attempts[-1].log += f"\nfailed to execute component: {error}\n"
                return

    @contextlib.contextmanager
    def _mounted(self, asked: dict[str, Any]) -> Iterator[None]:
        """Has the volumes of a pod where they are mounted, for as long as it runs; one claim, one directory."""
        claims = {
            volume["name"]: volume["persistentVolumeClaim"]["claimName"]
            for volume in asked.get("volumes", [])
            if "persistentVolumeClaim" in volume
        }
        links = []
        try:
            for mount in asked["containers"][0].get("volumeMounts", []):
                if mount["name"] in claims:
                    link = pathlib.Path(mount["mountPath"])
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.symlink_to(self._claims[claims[mount["name"]]], target_is_directory=True)
                    links.append(link)
            yield
        finally:
            for link in links:
                link.unlink()

    def _environment(self, asked: dict[str, Any]) -> dict[str, str]:
        variables = {}
        for variable in asked["containers"][0].get("env", []):
            if "valueFrom" in variable:
                reference = variable["valueFrom"]["secretKeyRef"]
                variables[variable["name"]] = self._secrets[reference["name"]][reference["key"]]
            else:
                variables[variable["name"]] = variable["value"]
        return variables


def _rooted(executor_input: dict[str, Any], pod: pathlib.Path) -> dict[str, Any]:
    """Puts a pod's root in front of the paths in its executor input."""
    rooted = json.loads(json.dumps(executor_input))
    outputs = rooted["outputs"]
    for parameter in outputs.get("parameters", {}).values():
        parameter["outputFile"] = str(pod) + parameter["outputFile"]
    below = pod if outputs["outputFile"].startswith("/tmp/") else pod / "mounts"
    outputs["outputFile"] = str(below) + outputs["outputFile"]
    return rooted


def _bytes(quantity: str | None) -> int | None:
    if quantity is None:
        return None
    units = {"G": 10**9, "M": 10**6, "k": 10**3}
    return int(quantity[:-1]) * units[quantity[-1]] if quantity[-1] in units else int(quantity)

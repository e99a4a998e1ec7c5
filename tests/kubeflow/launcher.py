"""Runs a compiled specification on this machine as Kubeflow's backend and launcher do on a cluster, with no cluster.

It follows kubeflow/pipelines: `backend/src/v2/driver` (what a task is given), `backend/src/v2/component/launcher_v2.go`
(how its container is run), `backend/src/v2/cacheutils/cache.go` (when it is not run). Each container gets directories of
its own; what it left elsewhere than in its output artifacts is gone for the next one, as in a pod.
"""

import dataclasses
import hashlib
import json
import pathlib
import shutil
import subprocess
from typing import Any

import yaml
from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

RUN_ID_PLACEHOLDER = "{{$.pipeline_job_uuid}}"
PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts"


@dataclasses.dataclass
class Task:
    """What became of a task: its exit status (0 when it came from the cache), outputs and log."""

    status: int
    cached: bool
    artifacts: dict[str, dict[str, Any]]
    parameters: dict[str, Any]
    log: str


class DriverError(Exception):
    """The backend's driver would refuse the task."""


def parse(text: str):
    """Returns the specification and the deployment configuration as protobuf; unknown fields are errors."""
    documents = list(yaml.safe_load_all(text))
    specification = json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    deployment = json_format.ParseDict(
        json_format.MessageToDict(specification.deployment_spec), pipeline_spec_pb2.PipelineDeploymentConfig()
    )
    return specification, deployment


class Cluster:
    """An object store, a metadata store and a cache; runs are given to it one after the other.

    Args:
        specification: the compiled YAML.
        directory: for everything that it keeps.
        environment: variables of every container; its PATH finds `python`.
    """

    def __init__(self, specification: str, directory: pathlib.Path, environment: dict[str, str]):
        self.specification, self.deployment = parse(specification)
        self.directory = directory
        self.environment = environment
        self._cache: dict[str, Task] = {}
        self._next_artifact = 1

    def run(self, run_id: str, stop_after: str | None = None, **parameters: Any) -> dict[str, Task]:
        """Runs every task whose dependencies succeeded, in the order of the dependencies.

        Args:
            run_id: the run's UUID.
            stop_after: no further task is run after this one.
            **parameters: overrides of the pipeline's parameters.

        Returns:
            The tasks that were run or came from the cache, by name.
        """
        given = self._root_parameters(parameters)
        tasks = self.specification.root.dag.tasks
        done: dict[str, Task] = {}
        waiting = sorted(tasks)
        while True:
            ready = [
                name
                for name in waiting
                if all(other in done and done[other].status == 0 for other in tasks[name].dependent_tasks)
            ]
            if not ready or (stop_after in done):
                return done
            name = ready[0]
            waiting.remove(name)
            done[name] = self._run_task(run_id, name, tasks[name], given, done)

    def _root_parameters(self, overrides: dict[str, Any]) -> dict[str, struct_pb2.Value]:
        declared = self.specification.root.input_definitions.parameters
        unknown = set(overrides) - set(declared)
        if unknown:
            raise DriverError(f"the pipeline has no parameters {sorted(unknown)}")
        values = {}
        for name, declaration in declared.items():
            if name in overrides:
                values[name] = json_format.ParseDict(overrides[name], struct_pb2.Value())
            elif declaration.HasField("default_value"):
                values[name] = declaration.default_value
        return values

    def _parameter(self, name, source, given, done, run_id) -> struct_pb2.Value:
        kind = source.WhichOneof("kind")
        if kind == "component_input_parameter":
            if source.component_input_parameter not in given:
                raise DriverError(f"parent DAG does not have input parameter {source.component_input_parameter}")
            return given[source.component_input_parameter]
        if kind == "task_output_parameter":
            output = source.task_output_parameter
            if output.producer_task not in done:
                raise DriverError(f"{name}: no such producer: {output.producer_task}")
            return done[output.producer_task].parameters[output.output_parameter_key]
        constant = source.runtime_value.constant
        if constant.string_value == RUN_ID_PLACEHOLDER:
            return struct_pb2.Value(string_value=run_id)
        return constant

    def _checked(self, name: str, value: struct_pb2.Value, declaration) -> struct_pb2.Value:
        """Checks the type, and turns what is declared a string into one, as the driver does."""
        kinds = pipeline_spec_pb2.ParameterType.ParameterTypeEnum
        declared, kind = kinds.Name(declaration.parameter_type), value.WhichOneof("kind")
        if declared == "STRING":
            return value if kind == "string_value" else struct_pb2.Value(string_value=json_format.MessageToJson(value))
        expected = {"NUMBER_INTEGER": "number_value", "NUMBER_DOUBLE": "number_value", "BOOLEAN": "bool_value"}[declared]
        if kind != expected:
            raise DriverError(f"input parameter {name!r} type mismatch: expect {declared}, got {kind}")
        return value

    def _executor_input(self, run_id, name, task, component, given, done, pod) -> Any:
        executor_input = pipeline_spec_pb2.ExecutorInput()
        for key, source in task.inputs.parameters.items():
            value = self._parameter(key, source, given, done, run_id)
            executor_input.inputs.parameter_values[key].CopyFrom(
                self._checked(key, value, component.input_definitions.parameters[key])
            )
        for key in component.input_definitions.parameters:
            if key not in task.inputs.parameters:
                raise DriverError(f"{name}: neither value nor default value provided for parameter {key!r}")
        for key, source in task.inputs.artifacts.items():
            output = source.task_output_artifact
            artifact = done[output.producer_task].artifacts[output.output_artifact_key]
            executor_input.inputs.artifacts[key].artifacts.add().CopyFrom(
                json_format.ParseDict(artifact, pipeline_spec_pb2.RuntimeArtifact())
            )
        for key, declaration in component.output_definitions.artifacts.items():
            artifact = executor_input.outputs.artifacts[key].artifacts.add()
            artifact.uri = f"{PIPELINE_ROOT}/{self.specification.pipeline_info.name}/{run_id}/{name}/{key}"
            artifact.type.CopyFrom(declaration.artifact_type)
            artifact.metadata.CopyFrom(declaration.metadata)
        for key in component.output_definitions.parameters:
            executor_input.outputs.parameters[key].output_file = str(pod / "tmp" / "kfp" / "outputs" / key)
        executor_input.outputs.output_file = str(pod / "tmp" / "kfp_outputs" / "output_metadata.json")
        return executor_input

    def _cache_key(self, executor_input, container) -> str:
        key = {
            "inputArtifactNames": {
                name: [artifact.name for artifact in listed.artifacts]
                for name, listed in executor_input.inputs.artifacts.items()
            },
            "inputParameterValues": {
                name: json_format.MessageToDict(value) for name, value in executor_input.inputs.parameter_values.items()
            },
            "outputArtifacts": {
                name: json_format.MessageToDict(listed.artifacts[0].type)
                for name, listed in executor_input.outputs.artifacts.items()
            },
            "outputParameters": sorted(executor_input.outputs.parameters),
            "container": [container.image, *container.command, *container.args],
        }
        return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()

    def _run_task(self, run_id, name, task, given, done) -> Task:
        component = self.specification.components[task.component_ref.name]
        container = self.deployment.executors[component.executor_label].container
        pod = self.directory / "pods" / run_id / name
        executor_input = self._executor_input(run_id, name, task, component, given, done, pod)
        key = self._cache_key(executor_input, container)
        if task.caching_options.enable_cache and key in self._cache:
            return dataclasses.replace(self._cache[key], cached=True)

        mounts = pod / "mounts"
        for listed in executor_input.inputs.artifacts.values():
            self._download(listed.artifacts[0].uri, mounts)
        for listed in executor_input.outputs.artifacts.values():
            self._local(listed.artifacts[0].uri, mounts).parent.mkdir(parents=True, exist_ok=True)
        (pod / "work").mkdir(parents=True)
        (pod / "tmp" / "kfp_outputs").mkdir(parents=True)
        (pod / "tmp" / "kfp" / "outputs").mkdir(parents=True)

        placeholder = json_format.MessageToJson(executor_input, indent=None)
        command = [part.replace("{{$}}", placeholder) for part in [*container.command, *container.args]]
        finished = subprocess.run(
            command,
            cwd=pod / "work",
            env={**self.environment, "AGE_PIPELINE_MOUNT_ROOT": str(mounts), "TMPDIR": str(pod / "tmp")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=900,
        )
        outcome = Task(finished.returncode, False, {}, {}, finished.stdout)
        if finished.returncode == 0:
            self._collect(executor_input, component, outcome, mounts)
            if task.caching_options.enable_cache:
                self._cache[key] = outcome
        shutil.rmtree(pod)
        return outcome

    def _collect(self, executor_input, component, outcome: Task, mounts: pathlib.Path) -> None:
        output_file = pathlib.Path(executor_input.outputs.output_file)
        executor_output = pipeline_spec_pb2.ExecutorOutput()
        if output_file.exists():
            json_format.Parse(output_file.read_text(), executor_output)
        for key in executor_input.outputs.parameters:
            outcome.parameters[key] = executor_output.parameter_values[key]
        for key, listed in executor_input.outputs.artifacts.items():
            artifact = listed.artifacts[0]
            if executor_output.artifacts[key].artifacts:
                written = executor_output.artifacts[key].artifacts[0]
                artifact.uri = written.uri or artifact.uri
                for field, value in written.metadata.fields.items():
                    artifact.metadata.fields[field].CopyFrom(value)
            self._upload(artifact.uri, mounts)
            recorded = json_format.MessageToDict(artifact)
            # In MLMD the schema becomes the name of a type, and artifacts are known by their number.
            recorded["type"] = {"schemaTitle": yaml.safe_load(artifact.type.instance_schema)["title"]}
            recorded["name"] = str(self._next_artifact)
            recorded.setdefault("metadata", {}).setdefault("display_name", key)
            recorded["metadata"].setdefault("store_session_info", "{}")
            self._next_artifact += 1
            outcome.artifacts[key] = recorded

    def _local(self, uri: str, mounts: pathlib.Path) -> pathlib.Path:
        scheme, _, rest = uri.partition("://")
        mount = {"minio": "minio", "s3": "s3", "gs": "gcs"}.get(scheme)
        if mount is None:
            raise DriverError(f"failed to generate local path for URI {uri}: unsupported storage scheme")
        return mounts / mount / rest

    def stored(self, uri: str) -> pathlib.Path:
        """Where the object store keeps what was uploaded under a URI."""
        return self._local(uri, self.directory / "store")

    def _upload(self, uri: str, mounts: pathlib.Path) -> None:
        self._copy(self._local(uri, mounts), self.stored(uri))

    def _download(self, uri: str, mounts: pathlib.Path) -> None:
        self._copy(self.stored(uri), self._local(uri, mounts))

    def _copy(self, source: pathlib.Path, destination: pathlib.Path) -> None:
        """Copies files alone: an object store knows no directories, and so no empty ones."""
        files: list[pathlib.Path] = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
        for file in files:
            target = destination / file.relative_to(source) if source.is_dir() else destination
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)

"""What the backend's driver gives a container: `backend/src/v2/driver`.

Plain JSON throughout, as the launcher is given it on its command line.
"""

import hashlib
import json
import pathlib
from collections.abc import Mapping
from typing import Any

from tests.kubeflow.imitation import object_store
from tests.kubeflow.imitation.releases import Release

LOGS = "executor-logs"
_LOGS_SPECIFICATION = {"artifactType": {"schemaTitle": "system.Artifact"}}
_RUN_ID = "{{$.pipeline_job_uuid}}"
_IGNORED = ("enabledSharedMemory",)
"""Fields of the platform configuration that are parsed and then read by nobody."""


class DriverError(Exception):
    """The backend's driver would refuse the task."""


def root_parameters(declared: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters of a run (`root_dag.go`).

    Args:
        declared: `root.inputDefinitions.parameters`.
        given: the runtime configuration of the run.
    """
    unknown = set(given) - set(declared)
    if unknown:
        raise DriverError(f"the pipeline has no parameters {sorted(unknown)}")
    defaults = {name: one["defaultValue"] for name, one in declared.items() if "defaultValue" in one}
    return {**defaults, **given}


def input_parameters(
    task: dict[str, Any],
    component: dict[str, Any],
    of_the_run: Mapping[str, Any],
    outputs: Mapping[str, Mapping[str, Any]],
    run_id: str,
) -> dict[str, Any]:
    """Returns the values of a task's parameters (`resolve.go`).

    Args:
        task: its specification.
        component: its component's.
        of_the_run: what `root_parameters` returned.
        outputs: output parameters of the tasks before, by task.
        run_id: the run's UUID.
    """
    declared = component.get("inputDefinitions", {}).get("parameters", {})
    values = {
        name: _value(source, of_the_run, outputs, run_id)
        for name, source in task.get("inputs", {}).get("parameters", {}).items()
    }
    for name, declaration in declared.items():
        if name not in values:
            if "defaultValue" not in declaration:
                raise DriverError(f"neither value nor default value provided for non-optional parameter {name!r}")
            continue
        values[name] = _checked(name, values[name], declaration["parameterType"])
    return values


def _value(source, of_the_run, outputs, run_id) -> Any:
    if "componentInputParameter" in source:
        name = source["componentInputParameter"]
        if name not in of_the_run:
            raise DriverError(f"parent DAG does not have input parameter {name}")
        return of_the_run[name]
    if "taskOutputParameter" in source:
        producer = source["taskOutputParameter"]["producerTask"]
        if producer not in outputs:
            raise DriverError(f"producer task, {producer}, not in tasks")
        return outputs[producer][source["taskOutputParameter"]["outputParameterKey"]]
    constant = source["runtimeValue"]["constant"]
    return run_id if constant == _RUN_ID else constant


def _checked(name: str, value: Any, declared: str) -> Any:
    if declared == "STRING":
        return value if isinstance(value, str) else _text(value)
    expected = {"NUMBER_INTEGER": (int, float), "NUMBER_DOUBLE": (int, float), "BOOLEAN": bool, "LIST": list, "STRUCT": dict}
    if isinstance(value, bool) != (declared == "BOOLEAN") or not isinstance(value, expected[declared]):
        raise DriverError(f"input parameter {name!r} type mismatch: expect {declared}, got {type(value).__name__}")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _text(value: Any) -> str:
    """`PbValueToText`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, separators=(",", ":"))


def outputs(release: Release, root: str, component: dict[str, Any], salt: str, publish_logs: bool) -> dict[str, Any]:
    """Returns where a container shall write (`provisionOutputs`).

    Args:
        release: of the backend.
        root: URI of the task: the pipeline root, the pipeline, the run and the task.
        component: its specification.
        salt: a UUID, new for each execution; attempts of one execution share it.
        publish_logs: the installation's `PUBLISH_LOGS`.
    """
    definitions = component.get("outputDefinitions", {})
    artifacts = dict(definitions.get("artifacts", {}))
    if publish_logs:
        artifacts[LOGS] = _LOGS_SPECIFICATION
    provisioned: dict[str, Any] = {}
    if artifacts:
        provisioned["artifacts"] = {
            name: {"artifacts": [_output(release, f"{root}/{salt}/{name}", name, declared)]}
            for name, declared in artifacts.items()
        }
    if definitions.get("parameters"):
        provisioned["parameters"] = {name: {"outputFile": f"/tmp/kfp/outputs/{name}"} for name in definitions["parameters"]}
    provisioned["outputFile"] = "/tmp/kfp_outputs/output_metadata.json"
    if release.output_file_beside_outputs:
        provisioned["outputFile"] = str(object_store.local_path(f"{root}/{salt}/output_metadata.json", pathlib.Path("/")))
    return provisioned


def _output(release: Release, uri: str, name: str, declared: dict[str, Any]) -> dict[str, Any]:
    artifact = {"uri": uri, "type": declared["artifactType"]}
    if release.outputs_have_names:
        artifact["name"] = name
    if "metadata" in declared:
        artifact["metadata"] = declared["metadata"]
    return artifact


def fingerprint(
    release: Release,
    executor_input: dict[str, Any],
    component: dict[str, Any],
    container: dict[str, Any],
    platform: dict[str, Any],
) -> str:
    """Returns the key under which a task's outputs are cached, within its pipeline and namespace (`cacheutils/cache.go`)."""
    inputs, provisioned = executor_input["inputs"], executor_input["outputs"]
    declared = component.get("outputDefinitions", {}).get("parameters", {})
    key = {
        "inputArtifactNames": {
            name: {"artifactNames": [artifact["name"] for artifact in listed["artifacts"]]}
            for name, listed in inputs.get("artifacts", {}).items()
        },
        "inputParameterValues": inputs.get("parameterValues", {}),
        "outputArtifactsSpec": {
            name: {field: value for field, value in listed["artifacts"][0].items() if field != "uri"}
            for name, listed in provisioned.get("artifacts", {}).items()
        },
        "outputParametersSpec": {name: declared[name]["parameterType"] for name in provisioned.get("parameters", {})},
        "containerSpec": {"image": container["image"], "cmdArgs": [*container["command"], *container["args"]]},
    }
    if release.volumes_in_cache_key:
        key["containerSpec"]["pvcNames"] = sorted({mount["constant"] for mount in platform.get("pvcMount", [])})
    return hashlib.sha256(_as_go_writes(key).encode()).hexdigest()


def _as_go_writes(value: Any) -> str:
    """JSON as Go's `encoding/json` writes it: sorted, without spaces, and safe within HTML."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def pod(container: dict[str, Any], platform: dict[str, Any]) -> dict[str, Any]:
    """Returns what is asked of Kubernetes, without the command (`initPodSpecPatch` and `extendPodSpecPatch`).

    Args:
        container: of the deployment specification.
        platform: the executor's platform configuration.
    """
    left = {name: value for name, value in platform.items() if name not in _IGNORED}
    main: dict[str, Any] = {"name": "main", "image": container["image"], "resources": _resources(container)}
    specification: dict[str, Any] = {"containers": [main]}
    environment = [{"name": one["name"], "value": one["value"]} for one in container.get("env", [])]
    mounts, volumes = [], []

    for mount in left.pop("pvcMount", []):
        mounts.append({"name": mount["constant"], "mountPath": mount["mountPath"]})
        volumes.append({"name": mount["constant"], "persistentVolumeClaim": {"claimName": mount["constant"]}})
    if policy := left.pop("imagePullPolicy", ""):
        main["imagePullPolicy"] = policy
    if selector := left.pop("nodeSelector", None):
        specification["nodeSelector"] = selector["labels"]
    if tolerations := left.pop("tolerations", None):
        specification["tolerations"] = [_toleration(one) for one in tolerations]
    for secret in left.pop("secretAsEnv", []):
        for key in secret["keyToEnv"]:
            reference = {"name": secret["secretName"], "key": key["secretKey"]}
            environment.append({"name": key["envVar"], "valueFrom": {"secretKeyRef": reference}})
    if secrets := left.pop("imagePullSecret", []):
        specification["imagePullSecrets"] = [{"name": secret["secretName"]} for secret in secrets]
    if seconds := left.pop("activeDeadlineSeconds", None):
        specification["activeDeadlineSeconds"] = int(seconds)
    for mount in left.pop("emptyDirMounts", []):
        directory = {
            name: mount[field] for name, field in (("medium", "medium"), ("sizeLimit", "sizeLimit")) if field in mount
        }
        mounts.append({"name": mount["volumeName"], "mountPath": mount["mountPath"]})
        volumes.append({"name": mount["volumeName"], "emptyDir": directory})
    if left:
        raise DriverError(f"the imitation does not know what the driver makes of {sorted(left)}")

    for where, name, value in (
        (main, "env", environment),
        (main, "volumeMounts", mounts),
        (specification, "volumes", volumes),
    ):
        if value:
            where[name] = value
    return specification


def _toleration(toleration: dict[str, Any]) -> dict[str, Any]:
    seconds = toleration.get("tolerationSeconds")
    return {**toleration, **({} if seconds is None else {"tolerationSeconds": int(seconds)})}


def _resources(container: dict[str, Any]) -> dict[str, Any]:
    asked = container.get("resources", {})
    found: dict[str, dict[str, str]] = {"limits": {}, "requests": {}}
    for side, suffix in (("limits", "Limit"), ("requests", "Request")):
        for name, unit in (("cpu", ""), ("memory", "G")):
            amount = asked.get(f"{name}{suffix}")
            if amount:
                found[side][name] = quantity(amount, unit)
    accelerator = asked.get("accelerator")
    if accelerator and int(accelerator["count"]) > 0:
        found["limits"][accelerator["type"]] = _largest_unit(int(accelerator["count"]))
    return {side: amounts for side, amounts in found.items() if amounts}


def quantity(amount: float, unit: str) -> str:
    """Returns an amount as Kubernetes writes it: a whole number of the largest unit that gives one."""
    smaller = {"": "m", "G": "M", "M": "k", "k": ""}
    while not float(amount).is_integer():
        amount, unit = round(amount * 1000, 6), smaller[unit]
    return f"{int(amount)}{unit}"


def _largest_unit(amount: int) -> str:
    for unit, size in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if amount and amount % size == 0:
            return f"{amount // size}{unit}"
    return str(amount)


def launcher_flags(release: Release, publish_logs: bool) -> list[str]:
    """Returns the names of the launcher's flags: the last is there twice where logs are published."""
    return [*release.launcher_flags, *(["--publish_logs"] if publish_logs else [])]


def with_attempt(release: Release, executor_input: dict[str, Any], attempt: int, publish_logs: bool) -> dict[str, Any]:
    """Returns the executor input that the launcher puts in the place of `{{$}}` (`qualifyExecutorLogsForRetry`)."""
    qualified = json.loads(json.dumps(executor_input))
    if publish_logs and release.logs_have_attempts:
        qualified["outputs"]["artifacts"][LOGS]["artifacts"][0]["uri"] += f"-{attempt}"
    return qualified


def only_artifact(listed: dict[str, Any] | None) -> dict[str, Any]:
    """Returns the one artifact of an input or output."""
    (artifact,) = (listed or {}).get("artifacts", [])
    return artifact

"""What TFX's compiler leaves out of a Kubeflow specification: one step after it.

TFX drops the defaults of pipeline parameters, names the producer of an output parameter wrongly (`<task>_task`), declares
every parameter that comes from another step a string, and knows nothing of requests, retries or the platform.
"""

import copy
import json
import os
from typing import Any

import yaml

from age import storage
from pipeline.kubeflow import entrypoint
from pipeline.kubeflow.settings import KubeflowSettings, Step
from schemas.bad_input import BadInput

NEVER_CACHED = ("RunStart", "Champion", "Pusher")
"""Steps that look at what is there now: the data, and the serving directory."""
_INPUTS_SPEC_FLAG = "--json_serialized_inputs_spec_args"
_PRODUCER_SUFFIX = "_task"
_LONGEST_ATTEMPT = 7 * 24 * 3600
"""Seconds that are allowed for an attempt of a step that has no time limit."""


def complete(compiled: dict[str, Any], defaults: dict[str, Any], settings: KubeflowSettings, workdir: str) -> dict[str, Any]:
    """Returns TFX's specification, completed.

    Args:
        compiled: the pipeline specification as JSON, from TFX.
        defaults: the pipeline's parameters.
        settings: the `kubeflow` section.
        workdir: the working directory, as the steps see it.

    Raises:
        BadInput: the settings name a step that there is none of.
    """
    specification = copy.deepcopy(compiled)
    tasks = specification["root"]["dag"]["tasks"]
    unknown = sorted(set(settings.steps) - set(tasks))
    if unknown:
        raise BadInput(f"kubeflow.steps.{unknown[0]}: there is no such step. Expected one of {', '.join(sorted(tasks))}.")

    declared = specification["root"]["inputDefinitions"]["parameters"]
    for name, default in defaults.items():
        declared[name]["defaultValue"] = default
    if settings.pipeline_root:
        specification["defaultPipelineRoot"] = settings.pipeline_root

    depended_on = {other for task in tasks.values() for other in task.get("dependentTasks", [])}
    for name, task in tasks.items():
        component = specification["components"][task["componentRef"]["name"]]
        _connect_parameters(specification, task, component)
        executor = specification["deploymentSpec"]["executors"][component["executorLabel"]]
        _declare_in_arguments(executor["container"], component)
        step = settings.step(name)
        executor["container"]["resources"] = _resources(step)
        executor["container"]["env"] = _environment(step, workdir, is_last=name not in depended_on)
        if step.image:
            executor["container"]["image"] = step.image
        if name in NEVER_CACHED:
            task.pop("cachingOptions", None)
        if step.retries:
            task["retryPolicy"] = {
                "maxRetryCount": step.retries,
                "backoffDuration": f"{step.retry_wait}s",
                "backoffFactor": 2.0,
                "backoffMaxDuration": f"{_time_for_all_attempts(step)}s",
            }
    return specification


def _time_for_all_attempts(step: Step) -> int:
    """Returns the seconds from the start of a step's first attempt after which none is begun, or let run, any more.

    That is what Argo takes the longest backoff of the specification for (`processNodeRetries`): an hour would be the end of a
    training that is begun again after two.
    """
    waits = step.retry_wait * (2**step.retries - 1)
    return (step.time_limit or _LONGEST_ATTEMPT) * (step.retries + 1) + waits


def _connect_parameters(specification: dict[str, Any], task: dict[str, Any], component: dict[str, Any]) -> None:
    """Names the real producers of parameters that come from other steps, and takes over their types."""
    for name, source in task.get("inputs", {}).get("parameters", {}).items():
        output = source.get("taskOutputParameter")
        if output is None:
            continue
        producer = output["producerTask"]
        if producer not in specification["components"] and producer.endswith(_PRODUCER_SUFFIX):
            producer = output["producerTask"] = producer[: -len(_PRODUCER_SUFFIX)]
        produced = specification["components"][producer]["outputDefinitions"]["parameters"]
        component["inputDefinitions"]["parameters"][name]["parameterType"] = produced[output["outputParameterKey"]][
            "parameterType"
        ]


def _declare_in_arguments(container: dict[str, Any], component: dict[str, Any]) -> None:
    """Writes the component's inputs into the arguments once more: TFX's executor reads the types of numbers there."""
    arguments = container["args"]
    if _INPUTS_SPEC_FLAG in arguments:
        arguments[arguments.index(_INPUTS_SPEC_FLAG) + 1] = json.dumps(component.get("inputDefinitions", {}), sort_keys=True)


def _environment(step: Step, workdir: str, is_last: bool) -> list[dict[str, str]]:
    """Returns what the entrypoint is told beside the executor input. It is no part of the cache's key."""
    variables = {}
    if not storage.is_remote(workdir):
        variables[entrypoint.WORKDIR_VARIABLE] = workdir
        # Keras downloads ImageNet weights there: once for all runs, and RunStart does it.
        variables["KERAS_HOME"] = os.path.join(workdir, "keras")
    if is_last:
        variables[entrypoint.LAST_STEP_VARIABLE] = "1"
    if step.gpu_count:
        variables[entrypoint.GPUS_VARIABLE] = str(step.gpu_count)
    return [{"name": name, "value": value} for name, value in sorted(variables.items())]


def _resources(step: Step) -> dict[str, Any]:
    resources: dict[str, Any] = {
        "cpuRequest": step.cpu_request,
        "cpuLimit": step.cpu_limit,
        "memoryRequest": step.memory_request,
        "memoryLimit": step.memory_limit,
    }
    if step.gpu_count:
        resources["accelerator"] = {"type": step.gpu_type, "count": str(step.gpu_count)}
    elif step.ephemeral_storage:
        # The driver takes the type for the name of any resource and writes it into the limits; what is not requested is
        # requested as limited.
        resources["accelerator"] = {"type": "ephemeral-storage", "count": str(round(step.ephemeral_storage * 10**9))}
    return resources


def platform(compiled: dict[str, Any], settings: KubeflowSettings) -> dict[str, Any]:
    """Returns the platform configuration of every step, in the form of `kfp-kubernetes`."""
    executors = {}
    for name, task in compiled["root"]["dag"]["tasks"].items():
        label = compiled["components"][task["componentRef"]["name"]]["executorLabel"]
        executors[label] = _executor_configuration(settings.step(name), settings)
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _executor_configuration(step: Step, settings: KubeflowSettings) -> dict[str, Any]:
    configuration: dict[str, Any] = {}
    if settings.image_pull_policy:
        configuration["imagePullPolicy"] = settings.image_pull_policy
    if settings.image_pull_secrets:
        configuration["imagePullSecret"] = [{"secretName": name} for name in settings.image_pull_secrets]
    if settings.volumes:
        configuration["pvcMount"] = [{"constant": volume.claim, "mountPath": volume.path} for volume in settings.volumes]
    if settings.secrets:
        configuration["secretAsEnv"] = [
            {
                "secretName": secret.name,
                "keyToEnv": [{"secretKey": key, "envVar": variable} for variable, key in sorted(secret.env.items())],
            }
            for secret in settings.secrets
        ]
    if step.node_selector:
        configuration["nodeSelector"] = {"labels": dict(step.node_selector)}
    if step.tolerations:
        configuration["tolerations"] = [
            {
                key: value
                for key, value in (
                    ("key", toleration.key),
                    ("operator", toleration.operator),
                    ("value", toleration.value),
                    ("effect", toleration.effect),
                    ("tolerationSeconds", None if toleration.seconds is None else str(toleration.seconds)),
                )
                if value is not None
            }
            for toleration in step.tolerations
        ]
    if step.shared_memory:
        # `enabledSharedMemory`, which is meant for this, is read by no release.
        configuration["emptyDirMounts"] = [
            {
                "volumeName": "shm",
                "mountPath": "/dev/shm",
                "medium": "Memory",
                "sizeLimit": f"{step.shared_memory:g}G",
            }
        ]
    if step.time_limit:
        configuration["activeDeadlineSeconds"] = str(step.time_limit)
    return configuration


class _Dumper(yaml.SafeDumper):
    """Writes every mapping and list out: no references between them, which not every reader follows."""

    def ignore_aliases(self, data):
        return True


def as_yaml(specification: dict[str, Any], platform_configuration: dict[str, Any]) -> str:
    """Returns both documents as one YAML file; the same input gives the same bytes."""
    return yaml.dump_all(
        [specification, platform_configuration],
        Dumper=_Dumper,
        sort_keys=True,
        allow_unicode=True,
        width=120,
        explicit_start=False,
    )

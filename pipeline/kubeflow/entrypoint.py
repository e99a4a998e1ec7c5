"""The command of every container: `python -m pipeline.kubeflow.entrypoint`, between Kubeflow's launcher and TFX's executor.

Kubeflow's launcher (`backend/src/v2/component/launcher_v2.go`) downloads input artifacts to local paths, runs the command,
and uploads output artifacts from local paths; but it tells the command their URIs. TensorFlow can't open `minio://`, so
this program gives TFX's executor the local paths, and writes the executor's output file with the URIs again.

It also gives TFX what Kubeflow's backend takes away or adds: inputs come without their types, lists and structs in their
metadata come wrapped (ML Metadata has no such values), and outputs may hold artifacts of Kubeflow's own.
"""

import argparse
import contextlib
import json
import os
import sys
import traceback
from collections.abc import Container, Iterator
from typing import Any

import yaml

from age import storage
from pipeline.beam import loopback
from pipeline.kubeflow import gpu_check, lean_imports, step_execution
from pipeline.kubeflow.lease import Lease
from pipeline.kubeflow.refusals import Refusals
from schemas import exit_status
from schemas.bad_input import BadInput
from schemas.failures import Failure, NotBlessed

MOUNT_ROOT_VARIABLE = "AGE_PIPELINE_MOUNT_ROOT"
"""Directory below which the launcher's `/minio`, `/s3` and `/gcs` and Kubernetes' `/dev/termination-log` lie; `/` unless set."""

WORKDIR_VARIABLE = "AGE_PIPELINE_WORKDIR"
"""The working directory on a volume, where runs keep out of each other's way and refusals are remembered; none unless set."""

GPUS_VARIABLE = "AGE_PIPELINE_GPUS"
"""How many accelerators the step was given; none unless set."""

LAST_STEP_VARIABLE = "AGE_PIPELINE_LAST_STEP"
"""Set for the step after which the run is over."""

REFUSED_MARK, FAILED_MARK = "Refused:", "Failed:"
"""How the message begins that a step leaves in its pod: what it was given can't be used, or anything else."""

EXECUTOR_FLAG = "--executor_class_path"
INVOCATION_FLAG = "--json_serialized_invocation_args"
INPUTS_SPEC_FLAG = "--json_serialized_inputs_spec_args"
EMPTY_PROPERTY = "empty"
"""Custom property of an output artifact in which its step wrote nothing."""

_PARTS_BELOW_RUN = 3
_MOUNTS = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}

_TERMINATION_MESSAGE_BYTES = 3000
"""Kubernetes keeps 4096 of one container and 12 KiB of a pod."""


def local_path(uri: str, root: str = "/") -> str:
    """Returns the local path that the launcher has for an artifact's URI; a plain path is its own.

    Raises:
        BadInput: the launcher has no local path for such a URI.
    """
    for scheme, mount in _MOUNTS.items():
        if uri.startswith(scheme):
            return os.path.join(root, mount, uri[len(scheme) :])
    if "://" in uri:
        raise BadInput(
            f"The artifact {uri} is in a storage that Kubeflow's launcher has no local path for. Expected minio://, s3://, "
            "gs:// or a path: set kubeflow.pipeline_root, or the installation's default pipeline root."
        )
    return uri


def without_outputs_of_kubeflow(executor_input: dict[str, Any], titles: Container[str]) -> None:
    """Leaves out the outputs that Kubeflow adds to those of the component, such as `executor-logs` since release 2.5.

    The launcher uploads them itself, and TFX can't import their types.

    Args:
        executor_input: Kubeflow's `ExecutorInput` as JSON; changed in place.
        titles: the artifact types that TFX's compiler writes for this pipeline. It writes them as an instance schema, also
            those that Kubeflow knows; what Kubeflow adds has a schema title.
    """
    listed = executor_input["outputs"].get("artifacts", {})
    for name in list(listed):
        if any(_title(artifact.get("type", {})) not in titles for artifact in listed[name].get("artifacts", [])):
            del listed[name]


def _title(artifact_type: dict[str, Any]) -> str | None:
    schema = yaml.safe_load(artifact_type.get("instanceSchema") or "")
    return schema.get("title") if isinstance(schema, dict) else None


def with_input_types(executor_input: dict[str, Any], inputs_spec: dict[str, Any]) -> None:
    """Gives input artifacts the types that the component declares: the driver reads them back with an empty one.

    Args:
        executor_input: Kubeflow's `ExecutorInput` as JSON; changed in place.
        inputs_spec: the component's `ComponentInputsSpec` as JSON.

    Raises:
        BadInput: an artifact has no type and none is declared for it.
    """
    declared = inputs_spec.get("artifacts", {})
    for name, artifact in _artifacts(executor_input.get("inputs", {})):
        if any(artifact.get("type", {}).values()):
            continue
        if not declared.get(name, {}).get("artifactType"):
            raise BadInput(
                f"The input {name} came without a type, and {INPUTS_SPEC_FLAG} declares none for it: compile the pipeline "
                "again with the version of this project that is in the container's image."
            )
        artifact["type"] = declared[name]["artifactType"]


def as_written(value: Any) -> Any:
    """Returns a value of an artifact's metadata as its step wrote it: lists and structs come back as `{"list": [...]}` and
    `{"struct": {...}}` (kubeflow/pipelines, `backend/src/v2/metadata/converter.go`)."""
    if isinstance(value, dict) and len(value) == 1:
        if isinstance(value.get("struct"), dict):
            return value["struct"]
        if isinstance(value.get("list"), list):
            return value["list"]
    return value


def _artifacts(side: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, listed in side.get("artifacts", {}).items():
        for artifact in listed.get("artifacts", []):
            yield name, artifact


def with_local_paths(executor_input: dict[str, Any], root: str = "/") -> dict[str, str]:
    """Puts local paths in the place of the artifacts' URIs.

    Args:
        executor_input: Kubeflow's `ExecutorInput` as JSON; changed in place.
        root: where the launcher's mounts lie.

    Returns:
        The URI of each local path.

    Raises:
        BadInput: an input is not where it should be, or the launcher has no local path for a URI.
    """
    uris = {}
    for side in ("inputs", "outputs"):
        for name, artifact in _artifacts(executor_input.get(side, {})):
            uri = artifact.get("uri", "")
            path = artifact.pop("customPath", None) or local_path(uri, root)
            if side == "inputs":
                # An output that its step left empty is not uploaded, and so nothing is downloaded.
                if not os.path.exists(path) and not artifact.get("metadata", {}).get(EMPTY_PROPERTY):
                    raise BadInput(
                        f"The input {name} should be at {path}, a copy of {uri}, and is not there. Kubeflow's launcher "
                        "downloads it before the step begins: look at the first lines of this log, and whether the artifact "
                        "is still in the storage."
                    )
                artifact.setdefault("name", uri)
                if "metadata" in artifact:
                    artifact["metadata"] = {key: as_written(value) for key, value in artifact["metadata"].items()}
            artifact["uri"] = path
            uris[path] = uri
    return uris


def with_uris(executor_output: dict[str, Any], uris: dict[str, str]) -> None:
    """Puts URIs back in the place of local paths, also below an artifact's path and in metadata, such as a blessing's model.

    Metadata without a value are left out: one of them fails the step when the launcher publishes it.

    Args:
        executor_output: Kubeflow's `ExecutorOutput` as JSON; changed in place.
        uris: what `with_local_paths` returned.
    """
    for _, artifact in _artifacts(executor_output):
        path = artifact.get("uri", "")
        if not os.path.exists(path) or (os.path.isdir(path) and not os.listdir(path)):
            artifact.setdefault("metadata", {})[EMPTY_PROPERTY] = 1
        artifact["uri"] = _uri_of(path, uris)
        if "metadata" in artifact:
            artifact["metadata"] = {
                key: _uri_of(value, uris) for key, value in artifact["metadata"].items() if value is not None
            }


def _uri_of(value: Any, uris: dict[str, str]) -> Any:
    """Returns what everybody else calls a local path, also within lists and structs; anything else as it is."""
    if isinstance(value, dict):
        return {key: _uri_of(item, uris) for key, item in value.items()}
    if isinstance(value, list):
        return [_uri_of(item, uris) for item in value]
    if isinstance(value, str):
        for path, uri in uris.items():
            if value == path or value.startswith(path + "/"):
                return uri + value[len(path) :]
    return value


def _failure(error: BaseException | None) -> Failure | None:
    """Returns the failure with a sentence of its own behind an error that a library wrapped, if there is one."""
    while error is not None:
        if isinstance(error, Failure):
            return error
        error = error.__cause__ or error.__context__
    return None


def parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Returns what TFX's compiler writes into a container's arguments, as `executor`, `invocation` and `inputs_spec`, and the
    rest, which is the command line of the step's Beam pipelines."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument(EXECUTOR_FLAG, dest="executor")
    parser.add_argument(INVOCATION_FLAG, dest="invocation", default="")
    parser.add_argument(INPUTS_SPEC_FLAG, dest="inputs_spec", default="{}")
    return parser.parse_known_args(arguments)


def known_types() -> Container[str]:
    """Tells TFX's executor of this project's artifact types, and returns the titles of all that it can import."""
    from tfx.orchestration.kubeflow.v2 import compiler_utils

    from components import artifacts

    for kind in artifacts.OWN_TYPES:
        compiler_utils.TITLE_TO_CLASS_PATH[kind.TYPE_NAME] = f"{kind.__module__}.{kind.__qualname__}"
    return compiler_utils.TITLE_TO_CLASS_PATH


def run_of(executor_input: dict[str, Any]) -> str:
    """Returns the id of the run: artifacts lie at `<root>/<pipeline>/<run>/<task>/<uuid>/<output>`."""
    for side in ("outputs", "inputs"):
        for _, artifact in _artifacts(executor_input.get(side, {})):
            parts = artifact.get("uri", "").split("/")
            if len(parts) > _PARTS_BELOW_RUN:
                return parts[-_PARTS_BELOW_RUN - 1]
    return ""


def _run_step(arguments: list[str]) -> None:
    """Runs a step, in the working directory's peace.

    Raises:
        Failure: that of this attempt, or that of an earlier one which another attempt would not change.
        Exception: anything else that the step raises.
    """
    step = _read(arguments)
    workdir = os.environ.get(WORKDIR_VARIABLE)
    if not workdir:
        _execute(step)
        return
    refused, lease = Refusals(workdir, step.executor_input), Lease(workdir, run_of(step.executor_input))
    earlier = refused.earlier()
    if earlier is not None:
        raise earlier
    try:
        with lease.held():
            _execute(step)
    except Exception as error:
        failure = _failure(error)
        if failure is not None and failure.final:
            refused.remember(failure)
            lease.give_back()
        else:
            lease.loosen()
        raise
    refused.forget()
    if os.environ.get(LAST_STEP_VARIABLE):
        lease.give_back()


def _read(arguments: list[str]) -> step_execution.Step:
    try:
        given, beam_args = parse(arguments)
        step = step_execution.Step(given.executor, json.loads(given.invocation), json.loads(given.inputs_spec), beam_args)
        if not step.executor_input["outputs"]["outputFile"]:
            raise KeyError("outputFile")
    except (argparse.ArgumentError, KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{INVOCATION_FLAG}: expected Kubeflow's executor input as JSON, with outputs.outputFile, and after "
            f"{INPUTS_SPEC_FLAG} the component's inputs. This program is the command of containers in a compiled pipeline "
            "and is not meant to be run by hand."
        ) from error
    return step


def _execute(step: step_execution.Step) -> None:
    """Gives TFX's executor the step in terms that it knows, and writes what it wrote in Kubeflow's."""
    gpus = int(os.environ.get(GPUS_VARIABLE, "0"))
    if gpus:
        gpu_check.require(gpus, "gpu_count of this step (kubeflow.steps)")
    uris = with_local_paths(step.executor_input, os.environ.get(MOUNT_ROOT_VARIABLE, "/"))
    for path, uri in uris.items():
        storage.publish_as(path, uri)
    with_input_types(step.executor_input, step.inputs_spec)

    # TFX's steps that use Beam read the command line of the process as flags of their own.
    sys.argv = sys.argv[:1]
    loopback.listen_there_only(step.beam_args)
    without_outputs_of_kubeflow(step.executor_input, known_types())
    executor_output = step_execution.execute(step)
    with_uris(executor_output, uris)
    output_file = step.executor_input["outputs"]["outputFile"]
    storage.make_directory(os.path.dirname(output_file))
    storage.write_text(output_file, json.dumps(executor_output))


def _leave_message(text: str) -> None:
    """Leaves the step's message where Kubernetes looks for it: Argo and `submit --wait` tell it to people.

    The launcher's exit status is 1 whatever the step's was.
    """
    path = os.path.join(os.environ.get(MOUNT_ROOT_VARIABLE, "/"), "dev", "termination-log")
    if os.path.exists(path):
        with contextlib.suppress(OSError), open(path, "wb") as file:
            file.write(text.encode("utf-8")[:_TERMINATION_MESSAGE_BYTES])


def main(arguments: list[str]) -> int:
    """Runs one step.

    Args:
        arguments: those of the container, placeholders replaced.

    Returns:
        0; after a sentence on standard error, 2 for input that can't be used, 3 for a model that was not blessed, 1 for
        anything else.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        _run_step(arguments)
    except Exception as error:
        failure = _failure(error)
        if failure is None:
            traceback.print_exc()
        sentence = str(failure) if failure else f"{type(error).__name__}: {error}"
        print(f"Error: {sentence}", file=sys.stderr, flush=True)
        _leave_message(f"{REFUSED_MARK if isinstance(failure, (BadInput, NotBlessed)) else FAILED_MARK} {sentence}")
        return failure.exit_status if failure else exit_status.FAILED
    return exit_status.DONE


if __name__ == "__main__":
    # kfp's own word for a step's process, in which it leaves its client out, and with it that of Kubernetes.
    os.environ["_KFP_RUNTIME"] = "true"
    os.environ["TF_USE_LEGACY_KERAS"] = "0"
    lean_imports.install()
    sys.exit(main(sys.argv[1:]))

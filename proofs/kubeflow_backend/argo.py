"""A stand-in for Argo Workflows: runs the workflow that Kubeflow's API server compiled, one pod after the other.

It knows what Kubeflow's compiler uses: DAGs, `depends` on tasks that succeeded, `when` with `!=`, parameters of inputs and
outputs, pod specification patches and retries. As Argo does, it starts nothing new once a task has failed. The workflow's
status is written as Argo writes it, because Kubeflow reads runs from it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import pathlib
import re
from collections.abc import Callable

from proofs.kubeflow_backend.containers import Kubelet

_PLACEHOLDER = re.compile(r"\{\{([\w.-]+)\}\}")
_DEPENDENCY = re.compile(r"([\w-]+)\.Succeeded")
_UNEQUAL = re.compile(r"(.*) != (.*)")

SUCCEEDED, FAILED, SKIPPED, RUNNING = "Succeeded", "Failed", "Skipped", "Running"


def resolved(value, scope: dict):
    """Returns a value with placeholders such as `{{inputs.parameters.task}}` replaced; those of Kubeflow's own stay."""
    if isinstance(value, dict):
        return {key: resolved(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [resolved(item, scope) for item in value]
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda found: str(scope.get(found[1], found[0])), value)
    return value


def merged(specification: dict, patch: dict) -> dict:
    """Returns a pod specification with a strategic merge patch: lists of named things are merged by their names."""
    keys = {"containers": "name", "env": "name", "volumeMounts": "mountPath", "volumes": "name"}
    result = dict(specification)
    for field, value in patch.items():
        if isinstance(value, dict) and isinstance(result.get(field), dict):
            result[field] = merged(result[field], value)
        elif field in keys and result.get(field):
            named = {one[keys[field]]: one for one in result[field]}
            for one in value:
                named[one[keys[field]]] = merged(named.get(one[keys[field]], {}), one)
            result[field] = list(named.values())
        else:
            result[field] = value
    return result


class Workflow:
    """A workflow being run.

    Args:
        manifest: the object; its status is written in place.
        kubelet: runs the pods.
        logs: a directory for the pods' logs.
        changed: called when the status has changed.
        ended: called with a pod's node when it has ended.
    """

    def __init__(
        self,
        manifest: dict,
        kubelet: Kubelet,
        logs: pathlib.Path,
        changed: Callable,
        ended: Callable[[str], None],
    ):
        self._manifest = manifest
        self._name = manifest["metadata"]["name"]
        self._templates = {template["name"]: template for template in manifest["spec"]["templates"]}
        self._kubelet = kubelet
        self._logs = logs
        self._changed = changed
        self._ended = ended

    def run(self) -> str:
        """Runs it to its end and returns its phase."""
        spec, metadata = self._manifest["spec"], self._manifest["metadata"]
        scope = {f"workflow.parameters.{one['name']}": one["value"] for one in spec["arguments"].get("parameters", [])}
        scope.update({"workflow.name": self._name, "workflow.uid": metadata["uid"]})
        scope["workflow.creationTimestamp"] = metadata["creationTimestamp"]
        scope.update({f"workflow.labels.{key}": value for key, value in metadata.get("labels", {}).items()})
        scope.update({f"workflow.annotations.{key}": value for key, value in metadata.get("annotations", {}).items()})
        self._scope = scope
        self._manifest["status"] = {"phase": RUNNING, "startedAt": _now(), "nodes": {}}
        self._changed()
        phase, _ = self._template(self._name, spec["entrypoint"], {})
        # Argo's label; without it Kubeflow takes the workflow for one that is still going on.
        self._manifest["metadata"].setdefault("labels", {})["workflows.argoproj.io/completed"] = "true"
        self._manifest["status"].update(phase=phase, finishedAt=_now())
        self._changed()
        return phase

    def _node(self, name: str, kind: str, template: str, phase: str, message: str = "") -> None:
        nodes = self._manifest["status"]["nodes"]
        key = self._name if name == self._name else f"{self._name}-{int(hashlib.sha1(name.encode()).hexdigest()[:8], 16)}"
        node = nodes.setdefault(key, {"id": key, "name": name, "displayName": name.rsplit(".", 1)[-1], "startedAt": _now()})
        node.update(type=kind, templateName=template, phase=phase, message=message)
        if phase != RUNNING:
            node["finishedAt"] = _now()
        self._changed()

    def _template(self, node: str, name: str, arguments: dict) -> tuple:
        template = self._templates[name]
        scope = dict(self._scope)
        for declared in template.get("inputs", {}).get("parameters", []):
            value = arguments.get(declared["name"], declared.get("value", declared.get("default")))
            scope[f"inputs.parameters.{declared['name']}"] = "" if value is None else value
        if "dag" in template:
            return self._dag(node, template, scope)
        limit = resolved(template.get("retryStrategy", {}).get("limit"), scope)
        if limit is None:
            return self._pod(node, template, scope)
        self._node(node, "Retry", name, RUNNING)
        phase, outputs = FAILED, {}
        for attempt in range(int(limit) + 1):
            phase, outputs = self._pod(f"{node}({attempt})", template, {**scope, "retries": str(attempt)})
            if phase == SUCCEEDED:
                break
        self._node(node, "Retry", name, phase)
        return phase, outputs

    def _dag(self, node: str, template: dict, scope: dict) -> tuple:
        self._node(node, "DAG", template["name"], RUNNING)
        phases: dict = {}
        waiting = list(template["dag"]["tasks"])
        while FAILED not in phases.values():
            ready = (
                task for task in waiting if all(other in phases for other in _DEPENDENCY.findall(task.get("depends", "")))
            )
            task = next(ready, None)
            if task is None:
                break
            waiting.remove(task)
            name = task["name"]
            if "when" in task and not _holds(resolved(task["when"], scope)):
                phases[name] = SKIPPED
                self._node(f"{node}.{name}", "Skipped", task["template"], SKIPPED, f"when '{task['when']}' evaluated false")
                continue
            given = task.get("arguments", {}).get("parameters", [])
            arguments = {one["name"]: resolved(one["value"], scope) for one in given if "value" in one}
            phases[name], outputs = self._template(f"{node}.{name}", task["template"], arguments)
            scope.update({f"tasks.{name}.outputs.parameters.{key}": value for key, value in outputs.items()})
        phase = FAILED if FAILED in phases.values() else SUCCEEDED
        self._node(node, "DAG", template["name"], phase)
        return phase, {}

    def _pod(self, node: str, template: dict, scope: dict) -> tuple:
        declared = template.get("outputs", {}).get("parameters", [])
        paths = {f"outputs.parameters.{one['name']}.path": one["valueFrom"]["path"] for one in declared}
        template = resolved(template, {**scope, **paths})
        patch = json.loads(template.get("podSpecPatch") or "{}")
        specification = {
            "initContainers": template.get("initContainers", []),
            "containers": [{**template["container"], "name": "main"}],
            "volumes": template.get("volumes", []),
        }
        self._node(node, "Pod", template["name"], RUNNING)
        pod = re.sub(r"[^a-z0-9]+", "-", node.lower()).strip("-")
        uid = hashlib.sha1(node.encode()).hexdigest()
        ended = self._kubelet.run(pod, uid, merged(specification, patch), self._logs / f"{pod}.log")
        outputs = {}
        for one in declared:
            file = ended.written / one["valueFrom"]["path"].lstrip("/")
            outputs[one["name"]] = file.read_text() if file.exists() else one["valueFrom"].get("default", "")
        self._ended(node)
        self._kubelet.forget(pod)
        if ended.status == 0:
            self._node(node, "Pod", template["name"], SUCCEEDED)
            return SUCCEEDED, outputs
        message = f"Error (exit code {ended.status})" + (f": {ended.message}" if ended.message else "")
        self._node(node, "Pod", template["name"], FAILED, message)
        return FAILED, outputs


def _holds(condition: str) -> bool:
    found = _UNEQUAL.fullmatch(condition)
    if found is None:
        raise ValueError(f"a condition of a kind that this stand-in does not know: {condition}")
    return found[1].strip() != found[2].strip()


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

"""The manifests of `deploy/` hold what Kubernetes defines and nothing else, as its published client knows it."""

import json
import pathlib
import types

import pytest
import yaml
from kubernetes import client

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
# Defined by others: tests/flink looks at the first one, test_serving_manifests.py at the others.
CUSTOM = {"FlinkDeployment", "InferenceService", "ServiceMonitor", "PrometheusRule", "Kustomization"}
DOCUMENTS = {
    f"{path.relative_to(DEPLOY)}-{document['kind']}-{document['metadata']['name']}": document
    for path in sorted(DEPLOY.rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
    if document["kind"] not in CUSTOM
}


def understood(document, model):
    """What is left of a document when the client has read it; it passes over what it does not know."""
    api = client.ApiClient()
    return api.sanitize_for_serialization(api.deserialize(types.SimpleNamespace(data=json.dumps(document)), model))


def pods(node):
    """Yields the pod templates in a document, wherever they are."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("template", "podTemplate"):
                yield value
            yield from pods(value)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_field_is_one_of_kubernetes(name):
    document = DOCUMENTS[name]
    version = document["apiVersion"].rpartition("/")[2].upper()
    assert understood(document, f"{version}{document['kind']}") == document


def test_pod_templates_of_the_flink_deployment_are_kubernetes_too():
    (document,) = yaml.safe_load_all((DEPLOY / "flink" / "cluster.yaml").read_text())
    templates = list(pods(document))
    assert len(templates) == 2
    for template in templates:
        # The operator merges them, so neither need be a whole pod.
        for container in template["spec"]["containers"]:
            assert understood(container, "V1Container") == container
        for volume in template["spec"]["volumes"]:
            assert understood(volume, "V1Volume") == volume


def test_a_misspelt_field_would_be_noticed():
    document = json.loads(json.dumps(next(found for found in DOCUMENTS.values() if found["kind"] == "Deployment")))
    (template,) = pods(document)
    (container,) = template["spec"]["containers"]
    container["readynessProbe"] = container.pop("readinessProbe")
    assert understood(document, "V1Deployment") != document

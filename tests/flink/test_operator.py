"""The Flink Kubernetes operator takes `deploy/flink/cluster.yaml`: held against the operator's own published definition."""

import copy
import hashlib
import zipfile

import jsonschema
import pytest
import yaml

from tests.flink.conftest import CHECKOUT, standalone

pytestmark = pytest.mark.flink

_OPERATOR = "1.10.0"
_SHA256 = "b1f44814e17514fa8395c61b329a3ee9087123a5bda5b21fe1a495d5182c30b6"
_DEFINITION = "META-INF/fabric8/flinkdeployments.flink.apache.org-v1.yml"
_FLINK = CHECKOUT / "deploy" / "flink"


def _strict(node):
    """Makes of Kubernetes' structural schema a JSON schema that refuses what it does not name, as `kubectl --validate` does."""
    if isinstance(node, dict):
        if "properties" in node and not node.get("x-kubernetes-preserve-unknown-fields"):
            node.setdefault("additionalProperties", False)
        if node.get("x-kubernetes-int-or-string"):
            node["type"] = ["integer", "string"]
        for value in node.values():
            _strict(value)
    elif isinstance(node, list):
        for value in node:
            _strict(value)


@pytest.fixture(scope="module")
def definition(tmp_path_factory):
    """The schema of a FlinkDeployment."""
    directory = tmp_path_factory.mktemp("operator")
    artifact = f"org.apache.flink:flink-kubernetes-operator-api:{_OPERATOR}"
    ended = standalone.maven("dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={directory}")
    assert ended.returncode == 0, ended.stdout
    (jar,) = directory.glob("*.jar")
    assert hashlib.sha256(jar.read_bytes()).hexdigest() == _SHA256
    with zipfile.ZipFile(jar) as archive:
        found = yaml.load(archive.read(_DEFINITION), yaml.CSafeLoader)
    (version,) = (one for one in found["spec"]["versions"] if one["name"] == "v1beta1")
    schema = version["schema"]["openAPIV3Schema"]
    _strict(schema)
    schema["properties"].update(
        apiVersion={"const": "flink.apache.org/v1beta1"}, kind={"const": "FlinkDeployment"}, metadata={}
    )
    return schema


@pytest.fixture
def deployment():
    return yaml.safe_load((_FLINK / "cluster.yaml").read_text())


def complaints(definition, document):
    return [f"{list(error.path)}: {error.message}" for error in jsonschema.Draft7Validator(definition).iter_errors(document)]


def test_the_operator_knows_every_field(definition, deployment):
    assert complaints(definition, deployment) == []


def test_a_misspelt_field_and_a_wrong_type_would_be_noticed(definition, deployment):
    wrong = copy.deepcopy(deployment)
    wrong["spec"]["taskManager"]["podTemplate"]["spec"]["containers"][0]["comand"] = ["python"]
    wrong["spec"]["jobManager"]["replicas"] = "one"
    assert len(complaints(definition, wrong)) == 2

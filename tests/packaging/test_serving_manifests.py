"""deploy/serving: every field is one that Kubernetes, KServe or the Prometheus operator define, and what is said fits the server."""

import copy
import json
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

from pipeline.server.metrics import Metrics
from pipeline.server.settings import ServeSettings

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SERVING = CHECKOUT / "deploy" / "serving"
DEFINITIONS = pathlib.Path(__file__).parent / "definitions"
MANIFESTS = sorted(path for path in SERVING.rglob("*.yaml") if path.name != "kustomization.yaml")
ALERTS = SERVING / "monitoring" / "alerts.yaml"
CASES = ("alert_cases.yaml", "alert_cases_of_days.yaml")


def documents(path: pathlib.Path) -> list[dict]:
    return list(yaml.safe_load_all(path.read_text(encoding="utf-8")))


def strict(node):
    """Makes of a structural schema one that refuses what it does not name, as `kubectl --validate` does."""
    if isinstance(node, list):
        return [strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: strict(value) for name, value in node.items()}
    if isinstance(made.get("properties"), dict) and not node.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if node.get("x-kubernetes-int-or-string") is True:
        made["type"] = ["integer", "string"]
    return made


@pytest.fixture(scope="module")
def validators() -> dict:
    """What looks at a document, by its `apiVersion` and `kind`."""
    found = {}
    for path in DEFINITIONS.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if not path.name.startswith("kubernetes-"):
            content["definitions"] = strict(content["definitions"])
        for kind, name in content["kinds"].items():
            schema = {"$ref": f"#/definitions/{name}", "definitions": content["definitions"]}
            if not path.name.startswith("kubernetes-"):
                # Definitions of operators leave these to Kubernetes.
                content["definitions"][name]["properties"] = {
                    **content["definitions"][name]["properties"],
                    "metadata": {},
                }
            found[kind] = jsonschema.Draft7Validator(schema)
    return found


def complaints(validators: dict, document: dict) -> list[str]:
    validator = validators[f"{document['apiVersion']}/{document['kind']}"]
    return [f"{'.'.join(map(str, error.path))}: {error.message[:300]}" for error in validator.iter_errors(document)]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.relative_to(SERVING).as_posix())
def test_every_field_is_defined(validators, path):
    assert [complaint for document in documents(path) for complaint in complaints(validators, document)] == []


def test_a_field_that_nobody_defines_and_a_value_of_the_wrong_kind_are_noticed(validators):
    (deployment,), (service,), (monitor,) = (
        documents(SERVING / name)
        for name in ("deployment.yaml", "kserve/inference-service.yaml", "monitoring/service-monitor.yaml")
    )
    for document, container in (
        (deployment, deployment["spec"]["template"]["spec"]["containers"][0]),
        (service, service["spec"]["predictor"]["containers"][0]),
    ):
        container["readynessProbe"] = container.pop("readinessProbe")
        container["ports"][0]["containerPort"] = "http"
        assert len(complaints(validators, document)) == 2
    monitor["spec"]["endpoints"][0]["scrapeTimeout"] = 10
    assert len(complaints(validators, monitor)) == 1


def test_each_kustomization_names_files_that_are_there_and_no_registry():
    for path in SERVING.rglob("kustomization.yaml"):
        (kustomization,) = documents(path)
        assert all((path.parent / name).is_file() for name in kustomization["resources"])
        assert "images" not in kustomization, "where the image is, and which, says whoever applies it"
    own = [(SERVING / "deployment.yaml"), (SERVING / "kserve" / "inference-service.yaml")]
    assert all(re.findall(r"image: (.*)", path.read_text()) == ["age-server"] for path in own)


def servers() -> list[tuple[dict, dict]]:
    """Returns pod and container of the project's own server, where there is one."""
    (deployment,) = documents(SERVING / "deployment.yaml")
    (service,) = documents(SERVING / "kserve" / "inference-service.yaml")
    pods = [deployment["spec"]["template"]["spec"], service["spec"]["predictor"]]
    return [(pod, pod["containers"][0]) for pod in pods]


@pytest.mark.parametrize("pod, container", servers(), ids=["Deployment", "InferenceService"])
def test_it_runs_as_nobody_in_particular_on_a_read_only_root(pod, container):
    security = {**pod["securityContext"], **container["securityContext"]}
    assert (
        security["runAsNonRoot"] and security["runAsUser"] == 1000 and security["seccompProfile"] == {"type": "RuntimeDefault"}
    )
    assert security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]} and pod["automountServiceAccountToken"] is False
    writable = [mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert writable == ["/tmp"] and "emptyDir" in next(one for one in pod["volumes"] if one["name"] == "tmp")


@pytest.mark.parametrize("pod, container", servers(), ids=["Deployment", "InferenceService"])
def test_its_arguments_are_taken_and_its_probes_are_open_without_a_token(pod, container, tmp_path):
    from pipeline import configuration
    from pipeline.server.application import Server

    words = dict(word.removeprefix("--").split("=", 1) for word in container["args"])
    token = tmp_path / "token"
    token.write_text("secret")
    assert words["set"] == "serve.token_file=/run/secrets/age/token"
    configured = configuration.load(
        None, [f"serve.token_file={token}", f"serve.host={words['host']}", f"serve.port={words['port']}"]
    )
    configured.serve.check()
    served = {route.path for route in Server(str(tmp_path), configured.serve).application().routes}
    probes = [container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe", "startupProbe") if name in container]
    assert {probe["path"] for probe in probes} == {"/v2/health/live", "/v2/health/ready"} <= served
    port = container["ports"][0]
    assert port["containerPort"] == int(words["port"]) and {probe["port"] for probe in probes} <= {
        port["name"],
        port["containerPort"],
    }
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert words["serving-dir"].startswith("/models/") and "/run/secrets/age" in mounts
    below = yaml.safe_load((CHECKOUT / "configs" / "kubeflow.yaml").read_text())
    (volume,) = below["kubeflow"]["volumes"]
    kept = next(one for one in pod["volumes"] if one["name"] == mounts["/models"]["name"])["persistentVolumeClaim"][
        "claimName"
    ]
    assert kept == volume["claim"]
    in_volume = f"{volume['path']}/{mounts['/models']['subPath']}"
    assert words["serving-dir"].replace("/models", in_volume, 1) == below["serving"]["dir"]
    # It drains, then answers what it was asked: `running._LAST_ANSWERS_SECONDS`.
    assert pod["terminationGracePeriodSeconds"] > ServeSettings().drain_seconds + 20


def test_what_chooses_pods_chooses_the_servers():
    (deployment,) = documents(SERVING / "deployment.yaml")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    (service,), (budget,), (policy,), (monitor,), (autoscaler,) = (
        documents(SERVING / name)
        for name in (
            "service.yaml",
            "disruption-budget.yaml",
            "network-policy.yaml",
            "monitoring/service-monitor.yaml",
            "autoscaler.yaml",
        )
    )
    assert deployment["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == policy["spec"]["podSelector"]["matchLabels"] == labels
    assert monitor["spec"]["selector"]["matchLabels"] == service["metadata"]["labels"]
    assert (
        autoscaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"] and "replicas" not in deployment["spec"]
    )
    name = service["spec"]["ports"][0]["name"]
    assert name == monitor["spec"]["endpoints"][0]["port"] == policy["spec"]["ingress"][0]["ports"][0]["port"]


def test_every_metric_that_is_asked_for_is_one_of_the_servers():
    kept = {line.split()[2] for line in Metrics().text().decode().splitlines() if line.startswith("# TYPE")}
    known = kept | {f"{name}_{part}" for name in kept for part in ("bucket", "sum", "count", "total")}
    asked = set(re.findall(r"\bage_[a-z_]+", ALERTS.read_text() + (SERVING / "autoscaler.yaml").read_text()))
    in_prose = {"age_queue_seconds", "age_model_seconds"}
    assert asked >= {"age_requests_in_flight", "age_ready"} and asked <= known and in_prose <= kept


@pytest.fixture
def promtool():
    """Prometheus' own tool, or a skip that says where it comes from."""
    found = os.environ.get("AGE_PIPELINE_PROMTOOL") or shutil.which("promtool")
    if not found:
        pytest.skip("no promtool: `make test-alerts` builds it, or install Prometheus")
    return found


@pytest.fixture
def rules(tmp_path) -> pathlib.Path:
    """The rules as Prometheus itself reads them, and the cases beside them, which say nothing of descriptions."""
    (document,) = documents(ALERTS)
    for group in document["spec"]["groups"]:
        for rule in group["rules"]:
            assert rule["annotations"].pop("description")
    path = tmp_path / "alerts.yaml"
    path.write_text(yaml.safe_dump(document["spec"]))
    for name in CASES:
        shutil.copy(pathlib.Path(__file__).with_name(name), tmp_path)
    return path


def test_prometheus_takes_the_alerts_and_they_speak_when_they_should(promtool, rules, tmp_path):
    whole = tmp_path / "whole.yaml"
    whole.write_text(yaml.safe_dump(documents(ALERTS)[0]["spec"]))
    checked = subprocess.run([promtool, "check", "rules", "--lint=all", "--lint-fatal", whole], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tried = subprocess.run([promtool, "test", "rules", *map(rules.with_name, CASES)], capture_output=True, text=True)
    assert tried.returncode == 0, tried.stdout + tried.stderr


def test_every_alert_is_tried_by_a_case_in_which_it_speaks(rules):
    named = {rule["alert"] for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]}
    cases = [case for name in CASES for case in yaml.safe_load(rules.with_name(name).read_text())["tests"]]
    spoken = {one["alertname"] for case in cases for one in case["alert_rule_test"] if one.get("exp_alerts")}
    assert spoken == named


def test_a_rule_that_never_speaks_would_be_noticed(promtool, rules):
    content = yaml.safe_load(rules.read_text())
    wrong = copy.deepcopy(content)
    wrong["groups"][0]["rules"][0]["expr"] = 'sum(age_ready{job="age-server"}) < 0'
    rules.write_text(yaml.safe_dump(wrong))
    assert (
        subprocess.run([promtool, "test", "rules", rules.with_name("alert_cases.yaml")], capture_output=True).returncode != 0
    )

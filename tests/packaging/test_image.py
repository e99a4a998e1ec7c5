"""The Dockerfile installs the current stack's lock file, from a small context, for a user who is not root."""

import fnmatch
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from proofs import image

CHECKOUT = Path(__file__).resolve().parents[2]

TEXT = (CHECKOUT / "Dockerfile").read_text()


def commands(variant, target="image"):
    found = image.stages(TEXT, {"VARIANT": variant})
    return [step for name in image.in_order(found, target) for step in found[name][1]]


def allowed(path):
    """Whether .dockerignore lets a path into the context."""
    kept = False
    for line in (CHECKOUT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        pattern = line.lstrip("!")
        if fnmatch.fnmatch(path, pattern) or path.startswith(pattern + "/"):
            kept = line.startswith("!")
    return kept


@pytest.mark.parametrize("variant", ["cpu", "gpu"])
def test_packages_come_from_the_lock_files_with_hashes(variant):
    runs = [rest for word, rest in commands(variant) if word == "RUN" and "uv pip" in rest and "/locks/" in rest]
    copied = [rest for word, rest in commands(variant) if word == "COPY" and rest.endswith("/build/locks/lock.txt")]
    assert all("--require-hashes" in rest for rest in runs)
    assert any("pip sync" in rest and rest.rstrip().endswith("/build/locks/lock.txt") for rest in runs)
    lock = {"cpu": "current-image", "gpu": "current-image-cuda"}[variant]
    assert copied == [f"locks/{lock}.txt /build/locks/lock.txt"]


def _locked(name):
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", (CHECKOUT / "locks" / f"{name}.txt").read_text(), re.MULTILINE))


@pytest.mark.parametrize("variant", ["", "-cuda"])
def test_the_image_has_the_locked_versions_without_what_only_tests_need(variant):
    image_lock, lock = _locked(f"current-image{variant}"), _locked(f"current{variant}")
    assert image_lock.items() <= lock.items()
    gone = set(lock) - set(image_lock)
    assert {"pytest", "playwright", "jsonschema", "ruff", "mypy", "import-linter"} <= gone
    # TFX and Kubeflow's client need the Kubernetes client themselves.
    assert "kubernetes" in image_lock


def test_the_base_image_is_pinned_by_digest():
    found = image.stages(TEXT, {})
    assert re.fullmatch(r"debian:13-slim@sha256:[0-9a-f]{64}", found["debian"][0])


@pytest.mark.parametrize("target", image.TARGETS)
def test_a_bill_of_materials_is_made_as_a_models_is(target):
    (made,) = [rest for word, rest in commands("cpu", target) if word == "RUN" and "sbom" in rest]
    assert made == "/opt/age/bin/python -m age.bill_of_materials > /opt/age/sbom.cdx.json"


def test_the_package_is_built_with_the_commit_that_the_build_is_told():
    found = image.stages(TEXT, {"COMMIT": "ab" * 20})["project"][1]
    told = found.index(("ENV", f"COMMIT={'ab' * 20}"))
    (installed,) = [place for place, (_, rest) in enumerate(found) if "uv pip install --no-deps" in rest]
    assert told < installed and found[installed][1].startswith('AGE_PIPELINE_COMMIT="${COMMIT}" uv pip install')
    assert ("LABEL", 'org.opencontainers.image.revision="${COMMIT}"') in image.stages(TEXT, {})["image"][1]


@pytest.mark.parametrize("target", image.TARGETS)
def test_nothing_that_compiles_is_installed(target):
    installed = [rest for word, rest in commands("gpu", target) if word == "RUN" and "apt-get install" in rest]
    assert len(installed) == 1 and "--no-install-recommends python3 ca-certificates" in installed[0]


@pytest.mark.parametrize("target", image.TARGETS)
def test_what_is_copied_exists_and_is_in_the_context(target):
    for word, rest in commands("gpu", target):
        if word == "COPY" and not rest.startswith("--from="):
            for source in rest.split()[:-1]:
                assert (CHECKOUT / source).exists() and allowed(source), source


@pytest.mark.parametrize(
    "path", ["data/x.jpg", "weights/x.h5", "runs/demo/x", ".git/config", ".venv/bin/python", "tests/conftest.py"]
)
def test_the_context_is_small(path):
    assert not allowed(path)


@pytest.mark.parametrize("target", image.TARGETS)
def test_the_image_does_not_run_as_root(target):
    found = image.stages(TEXT, {})
    users = [rest for word, rest in found[target][1] if word == "USER"]
    assert users == ["1000"]


def test_the_image_is_what_is_built_unless_another_one_is_named():
    assert list(image.stages(TEXT, {}))[-1] == "image"


def test_the_server_has_its_own_packages_with_hashes():
    steps = commands("cpu", "serving")
    (synced,) = [rest for word, rest in steps if word == "RUN" and "uv pip sync" in rest and "serving.txt" in rest]
    assert "--require-hashes" in synced and "uv pip check" in synced
    copied = " ".join(rest for word, rest in steps if word == "COPY")
    assert "locks/serving.txt" in copied and "current" not in copied


_FROM_COPY = """
import sys

copy = sys.argv[1]
sys.path[:] = [copy, *(path for path in sys.path if "lib/python" in path)]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder)]
import pipeline.cli, pipeline.server.running

ours = [module for name, module in sys.modules.items() if name.partition(".")[0] in ("age", "components", "pipeline", "schemas")]
assert ours and all(module.__file__.startswith(copy) for module in ours)
pipeline.cli.cli.main(["serve", "--help"])
"""


def test_the_server_starts_with_nothing_but_what_is_copied(tmp_path):
    for word, rest in commands("cpu", "serving"):
        *sources, _ = rest.split()
        if word == "COPY" and (CHECKOUT / sources[0]).is_dir():
            shutil.copytree(CHECKOUT / sources[0], tmp_path / sources[0], ignore=shutil.ignore_patterns("__pycache__"))

    done = subprocess.run(
        [sys.executable, "-c", _FROM_COPY, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    assert "Answer over HTTP" in done.stdout


def test_the_server_says_whether_it_is_healthy():
    found = image.stages(TEXT, {})
    (check,) = [rest for word, rest in found["serving"][1] if word == "HEALTHCHECK"]
    assert "/v2/health/ready" in check
    assert [rest for word, rest in found["image"][1] if word == "HEALTHCHECK"] == [], "steps of a pipeline end by themselves"


@pytest.mark.parametrize(
    "manifest",
    [
        CHECKOUT / "deploy" / name
        for name in ("volume.yaml", "serving/tensorflow-serving.yaml", "serving/kserve/tensorflow-serving.yaml")
    ],
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_manifests_serve_what_the_pusher_fills(manifest):
    documents = list(yaml.safe_load_all(manifest.read_text()))
    assert all({"apiVersion", "kind", "metadata"} <= set(document) for document in documents)
    configured = yaml.safe_load((CHECKOUT / "configs" / "kubeflow.yaml").read_text())
    (volume,) = configured["kubeflow"]["volumes"]
    text = manifest.read_text()
    if manifest.parent.name == "serving":
        assert f"--model_base_path={configured['serving']['dir']}" in text and f"claimName: {volume['claim']}" in text
    if manifest.parent.name == "kserve":
        below = configured["serving"]["dir"][len(volume["path"]) + 1 :]
        assert documents[0]["spec"]["predictor"]["model"]["storageUri"] == f"pvc://{volume['claim']}/{below}"
    if manifest.name == "volume.yaml":
        assert documents[0]["metadata"]["name"] == volume["claim"]

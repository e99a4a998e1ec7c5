"""The lock files pin every package of a stack, by version and hash, and agree with setup.py."""

import importlib.metadata
import re
from pathlib import Path

import pytest
import setuptools  # noqa: F401  must come first: distutils is part of it since Python 3.12
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from distutils.core import run_setup  # isort: skip

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHONS = {"compatible": ["3.10"], "current": ["3.11", "3.12", "3.13"]}
STACK_AND_PYTHON = [(stack, python) for stack, pythons in PYTHONS.items() for python in pythons]
DEMANDED = {
    "compatible": {
        "tfx": "1.16.0",
        "tensorflow": "2.16.2",
        "apache-beam": "2.62.0",
        "protobuf": "3.20.3",
        "kfp": "2.5.0",
        "kfp-kubernetes": "1.0.0",
        "ml-metadata": "1.16.0",
        "pyarrow": "10.0.1",
    },
    "current": {
        "tfx": "1.21.0",
        "tensorflow": "2.21.0",
        "apache-beam": "2.70.0",
        "kfp": "2.16.1",
        "kfp-kubernetes": "2.16.1",
        "ml-metadata": "1.21.0",
    },
}


def lock_text(name):
    return (CHECKOUT / "locks" / f"{name}.txt").read_text()


def lock_entries(name):
    """Return the lines of a lock file, comments left out, with each entry's continuation lines joined to it."""
    lines = [line for line in lock_text(name).splitlines() if not line.lstrip().startswith("#")]
    return [entry.strip() for entry in "\n".join(lines).replace("\\\n", " ").splitlines() if entry.strip()]


def locked_versions(stack, python):
    """Return {package: version} of what a lock file installs on Linux with this Python."""
    environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
    versions = {}
    for entry in lock_entries(stack):
        requirement = Requirement(entry.split("--hash")[0])
        if requirement.marker is None or requirement.marker.evaluate(environment):
            name = canonicalize_name(requirement.name)
            assert name not in versions, f"{stack}.txt gives {name} twice for Python {python}"
            versions[name] = next(iter(requirement.specifier)).version
    return versions


@pytest.fixture
def project(monkeypatch):
    """What setup.py declares, without building anything."""
    monkeypatch.chdir(CHECKOUT)
    return run_setup("setup.py", stop_after="init")


@pytest.mark.parametrize("name", ["compatible", "compatible-cuda", "current", "current-cuda", "serving", "uv"])
def test_every_package_is_pinned_to_one_version_and_to_hashes(name):
    entry_form = re.compile(r"[a-z0-9.-]+(\[[a-z0-9,-]+\])?==[^\s;]+( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+")
    unpinned = [entry for entry in lock_entries(name) if not entry_form.fullmatch(entry)]
    assert lock_entries(name) and unpinned == []


@pytest.mark.parametrize("name", ["compatible", "compatible-cuda", "current", "current-cuda", "serving", "uv"])
def test_a_lock_file_names_no_index_and_no_place_of_one_machine(name):
    signs = ["://", "--index", "--extra-index", "--find-links", "--trusted-host", " @ ", " /", "=/", "~/", "../", "\\\\"]
    assert [line for line in lock_text(name).splitlines() if any(sign in line for sign in signs)] == []


@pytest.mark.parametrize(("stack", "python"), STACK_AND_PYTHON)
def test_the_lock_file_has_the_versions_that_the_stack_is_made_of(stack, python):
    locked = locked_versions(stack, python)
    assert {name: locked.get(name) for name in DEMANDED[stack]} == DEMANDED[stack]


@pytest.mark.parametrize(("stack", "python"), STACK_AND_PYTHON)
def test_the_lock_file_for_gpus_holds_the_same_versions_and_cuda_beside_them(stack, python):
    without, with_cuda = locked_versions(stack, python), locked_versions(f"{stack}-cuda", python)
    added = {name: version for name, version in with_cuda.items() if name not in without}
    assert {name: with_cuda.get(name) for name in without} == without
    assert all(name.startswith("nvidia-") and name.endswith("-cu12") for name in added)
    assert added["nvidia-cudnn-cu12"].split(".")[0] == {"compatible": "8", "current": "9"}[stack]
    assert added["nvidia-cuda-runtime-cu12"].startswith({"compatible": "12.3.", "current": "12.9."}[stack])


@pytest.mark.parametrize(("stack", "python"), STACK_AND_PYTHON)
def test_setup_py_admits_what_the_lock_file_pins(stack, python, project):
    locked = locked_versions(stack, python)
    wanted = [Requirement(text) for text in project.install_requires + project.extras_require["test"]]
    refused = {
        str(requirement): locked.get(canonicalize_name(requirement.name))
        for requirement in wanted
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
    }
    assert refused == {}
    assert SpecifierSet(str(project.python_requires)).contains(python)


@pytest.mark.parametrize("python", PYTHONS["current"])
def test_a_server_has_the_current_stacks_versions_and_none_of_its_pipeline(python):
    serving, current = locked_versions("serving", python), locked_versions("current", python)
    assert serving.pop("tensorflow-cpu") == current["tensorflow"]
    assert serving.items() <= current.items()
    assert {"starlette", "uvicorn", "prometheus-client", "pydantic"} <= set(serving) and len(serving) < 60
    assert not [name for name in serving if name.startswith(("tfx", "apache-beam", "kfp", "kubernetes", "tensorflow-model"))]


def test_the_package_brings_the_three_floors_and_nothing_else(project):
    assert {package.split(".")[0] for package in project.packages} == {"schemas", "age", "components", "pipeline"}


def test_what_is_said_in_place_of_a_packages_metadata_is_about_a_locked_version():
    (name,) = re.findall(r'^name = "(.+)"$', (CHECKOUT / "locks" / "uv.toml").read_text(), re.MULTILINE)
    (version,) = re.findall(r'^version = "(.+)"$', (CHECKOUT / "locks" / "uv.toml").read_text(), re.MULTILINE)
    assert locked_versions("current", "3.13")[name] == version


def test_it_differs_from_what_the_package_says_in_one_requirement():
    tomllib = pytest.importorskip("tomllib", reason="Python reads TOML since 3.11")
    ((name, version, said),) = (
        (entry["name"], entry["version"], entry["requires-dist"])
        for entry in tomllib.loads((CHECKOUT / "locks" / "uv.toml").read_text())["dependency-metadata"]
    )
    if importlib.metadata.version(name) != version:
        pytest.skip(f"{name} {version} is not installed: this is not the current stack")
    own = {Requirement(text) for text in importlib.metadata.requires(name)}
    own = {requirement for requirement in own if requirement.marker is None}
    assert {requirement.name for requirement in own ^ set(map(Requirement, said))} == {"pyfarmhash"}

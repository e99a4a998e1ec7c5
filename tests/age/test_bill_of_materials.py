"""The bill of materials lists every package of the environment, and is CycloneDX."""

import importlib.metadata
import json
import pathlib
import re
import site
import subprocess
import sys
import sysconfig

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from age import bill_of_materials

CHECKOUT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def text() -> str:
    return bill_of_materials.of_this_environment()


@pytest.fixture(scope="module")
def bill(text):
    return json.loads(text)


def spelt(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_installed_package_is_there_with_its_version(bill):
    directories = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib"), *site.getsitepackages()}
    installed = {spelt(one.metadata["Name"]) for one in importlib.metadata.distributions(path=list(directories))}

    listed = {spelt(one["name"]): one for one in bill["components"]}
    assert set(listed) == installed and len(listed) == len(bill["components"])
    assert listed["tensorflow"]["version"] == importlib.metadata.version("tensorflow")
    assert listed["tensorflow"]["purl"] == f"pkg:pypi/tensorflow@{importlib.metadata.version('tensorflow')}"
    assert listed["age-pipeline"]["type"] == "application"
    assert listed["age-pipeline"]["licenses"] == [{"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}]


def test_what_a_package_needs_is_there(bill):
    needed = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}

    (project,) = [one["bom-ref"] for one in bill["components"] if one["name"] == "age-pipeline"]
    assert {"tfx", "tensorflow", "apache-beam"} <= {ref.removeprefix("pkg:pypi/").split("@")[0] for ref in needed[project]}
    assert not any("pytest" in ref for ref in needed[project]), "tests are an extra"


def test_it_is_what_cyclonedx_says_it_must_be(text):
    pytest.importorskip("jsonschema")
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)

    assert problem is None, problem


def test_what_setuptools_carries_along_for_itself_is_not_installed(text, tmp_path, monkeypatch):
    metadata = tmp_path / "_vendor" / "autocommand-2.2.2.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: autocommand\nVersion: 2.2.2\n")
    monkeypatch.syspath_prepend(str(tmp_path / "_vendor"))

    assert importlib.metadata.version("autocommand") == "2.2.2"
    assert bill_of_materials.of_this_environment() == text


def test_the_same_environment_gives_the_same_text_to_another_process_as_the_images_build_makes_it(text):
    made = subprocess.run(
        [sys.executable, "-m", "age.bill_of_materials"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )

    assert made.stdout == text

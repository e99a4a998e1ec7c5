"""What a project that others join promises: one version, a licence, a changelog, hooks that run."""

import datetime
import re
import subprocess
from pathlib import Path

import pytest
import setuptools  # noqa: F401  must come first: distutils is part of it since Python 3.12
import yaml
from packaging.version import Version

from distutils.core import run_setup  # isort: skip

CHECKOUT = Path(__file__).resolve().parents[2]
SECTION = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)


@pytest.fixture
def project(monkeypatch):
    """What setup.py declares, without building anything."""
    monkeypatch.chdir(CHECKOUT)
    return run_setup("setup.py", stop_after="init").metadata


@pytest.fixture
def tracked():
    """The text files that git keeps, by path."""
    listed = subprocess.run(["git", "ls-files"], cwd=CHECKOUT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    return [path for path in listed.stdout.splitlines() if (CHECKOUT / path).is_file()]


def test_only_setup_py_and_the_changelog_say_which_version_this_is(project, tracked):
    named = re.compile(rf"(?<![\d.]){re.escape(project.version)}(?![\d.]\d)")
    # A lock file pins packages of the same number; captures and examples of old verdicts tell of what was.
    elsewhere = [
        path for path in tracked if not path.startswith(("locks/", "tests/")) and path not in ("setup.py", "CHANGELOG.md")
    ]
    saying = [path for path in elsewhere if named.search((CHECKOUT / path).read_text(encoding="utf-8", errors="replace"))]
    assert saying == []


def test_the_changelog_begins_with_what_is_not_released_and_no_release_is_newer_than_setup_py(project):
    first, *released = SECTION.finditer((CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8"))
    versions = [Version(section["name"]) for section in released]
    assert (first["name"], first["date"]) == ("Unreleased", None)
    assert versions == sorted(versions, reverse=True)
    assert all(version <= Version(project.version) for version in versions)
    assert all(datetime.date.fromisoformat(section["date"]) for section in released)


def test_the_licence_is_declared_and_lies_beside_the_code(project):
    licence = (CHECKOUT / "LICENSE").read_text(encoding="utf-8")
    assert project.license == "Apache-2.0" and project.license_files == ["LICENSE"]
    assert "Apache License\n                           Version 2.0, January 2004" in licence
    assert "APPENDIX: How to apply the Apache License to your work." in licence


def test_hooks_are_targets_of_the_makefile_and_fetch_nothing():
    configured = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    targets = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    hooks = [hook for repository in configured["repos"] for hook in repository["hooks"]]
    assert hooks and [repository["repo"] for repository in configured["repos"]] == ["local"]
    for hook in hooks:
        make, target = hook["entry"].split()
        assert (make, hook["language"]) == ("make", "system") and target in targets

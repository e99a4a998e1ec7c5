"""Kubeflow Pipelines from its source: the API server, the driver and the launcher of a release; and an object store."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

REPOSITORY = "https://github.com/kubeflow/pipelines"

_PARTS = ("go.mod", "go.sum", "api", "backend", "kubernetes_platform", "third_party/ml-metadata")
_PROGRAMS = {
    "driver": "./backend/src/v2/cmd/driver",
    "launcher-v2": "./backend/src/v2/cmd/launcher-v2",
    "apiserver": "./backend/src/apiserver",
}

_SQLITE = "github.com/mattn/go-sqlite3"
_SQLITE_WITHOUT_C = "static_mock.go"
_SQLITE_ERRORS = """
type ErrNo int

type Error struct{ Code ErrNo }

func (e Error) Error() string { return errorMsg.Error() }

const ErrConstraint = ErrNo(19)
"""
"""What the API server's source names of SQLite, which only its tests use: with this, nothing of C is compiled."""

_STORE = "github.com/johannesboyne/gofakes3/cmd/gofakes3"
_STORE_VERSION = "v1.2.0"


def _environment() -> dict:
    # The toolchain that is installed: Go would else download the one that the source names.
    return {"GOTOOLCHAIN": "local", **os.environ, "CGO_ENABLED": "0"}


def _run(command: list, directory: pathlib.Path, failing: str) -> None:
    if subprocess.run(command, cwd=directory, env=_environment()).returncode:
        sys.exit(f"{failing} (the reason is above).")


def unpack(release: str, origin: str, directory: pathlib.Path) -> None:
    """Puts the source of a release into a directory.

    Args:
        release: a tag of the repository.
        origin: a clone on this machine, or the repository's URL.
        directory: where to; nothing is done when it is there.
    """
    if (directory / "go.mod").is_file():
        return
    clone = origin
    if not os.path.isdir(origin):
        clone = str(directory.with_suffix(".git"))
        command = ["git", "clone", "--quiet", "--bare", "--depth", "1", "--branch", release, origin, clone]
        _run(command, directory.parent, f"{origin}: the tag {release} can't be cloned")
    directory.mkdir(parents=True, exist_ok=True)
    archive = directory.with_suffix(".tar")
    command = ["git", "-C", clone, "archive", "--output", str(archive), release, *_PARTS]
    _run(command, directory.parent, f"{clone}: it does not hold the release {release} of Kubeflow Pipelines")
    _run(
        ["tar", "--extract", "--file", str(archive), "--directory", str(directory)], directory, f"{archive} can't be unpacked"
    )
    archive.unlink()
    _without_sqlite(directory)


def _without_sqlite(directory: pathlib.Path) -> None:
    """Replaces SQLite's package by what remains of it without C, and `_SQLITE_ERRORS`."""
    _run(["go", "mod", "download", _SQLITE], directory, f"{_SQLITE} can't be had")
    look = ["go", "list", "-m", "-f", "{{.Dir}}", _SQLITE]
    found = subprocess.run(look, cwd=directory, env=_environment(), check=True, capture_output=True, text=True)
    module = directory / "go-sqlite3"
    module.mkdir()
    (module / "go.mod").write_text(f"module {_SQLITE}\n\ngo 1.21\n")
    (module / "sqlite3.go").write_text((pathlib.Path(found.stdout.strip()) / _SQLITE_WITHOUT_C).read_text() + _SQLITE_ERRORS)
    _run(["go", "mod", "edit", f"-replace={_SQLITE}=./go-sqlite3"], directory, f"{directory}/go.mod can't be changed")


def build(source: pathlib.Path, programs: pathlib.Path) -> None:
    """Builds the release's programs, those that are not there yet.

    Args:
        source: what `unpack` made.
        programs: the directory for them.
    """
    for name, package in _PROGRAMS.items():
        if not (programs / name).exists():
            print(f"Building {name} …", flush=True)
            _run(["go", "build", "-o", str(programs / name), package], source, f"{source}: {name} can't be built")


def build_store(programs: pathlib.Path) -> None:
    """Builds the object store, gofakes3, unless it is there."""
    if (programs / "gofakes3").exists():
        return
    print("Building gofakes3 …", flush=True)
    module = programs / "store"
    module.mkdir(parents=True, exist_ok=True)
    (module / "go.mod").write_text("module store\n\ngo 1.24\n")
    _run(["go", "get", f"{_STORE}@{_STORE_VERSION}"], module, f"{_STORE} can't be had")
    _run(["go", "build", "-mod=mod", "-o", str(programs / "gofakes3"), _STORE], module, f"{_STORE} can't be built")

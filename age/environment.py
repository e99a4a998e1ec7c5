"""What a process consists of: this project's commit, the stack, Python, the system, the device, and the versions of libraries.

A model's provenance has that of the process that trained it, and a verdict that of the process that wrote it.
"""

import functools
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import sys

from schemas.verdict import Environment

BUILT_FROM_FILE = "built_from.txt"
"""In the installed package `age`: the commit that it was built from, with `-dirty` behind it where the code was not as committed."""

STACKS = {"1.16": "compatible", "1.21": "current"}
"""The stacks by their TFX (docs/stacks.md)."""

_LIBRARIES = (
    "age-pipeline",
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-data-validation",
    "tensorflow-model-analysis",
    "apache-beam",
)
_CODE = ("age", "components", "pipeline", "schemas")
_DIRTY = "-dirty"
_GIT_SECONDS = 20


def library_versions() -> dict[str, str]:
    """Returns the versions of this project and of the libraries that its results depend on, those that are installed."""
    versions = {}
    for library in _LIBRARIES:
        try:
            versions[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _git(root: pathlib.Path, *arguments: str) -> str | None:
    """Returns what git says about a directory; None where there is no git, or it is no checkout."""
    try:
        ended = subprocess.run(
            ["git", "-C", str(root), *arguments],
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            # Looking at a checkout writes nothing into it.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout if ended.returncode == 0 else None


def _built_from(package: pathlib.Path) -> tuple[str | None, bool | None]:
    try:
        said = (package / BUILT_FROM_FILE).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None, None
    found = re.fullmatch(rf"([0-9a-f]{{40,64}})({_DIRTY})?", said)
    return (found[1], found[2] is None) if found else (None, None)


def commit_of(package: pathlib.Path) -> tuple[str | None, bool | None]:
    """Returns the commit of this project's code and whether the code is as committed; None for what is not known.

    Args:
        package: the directory of the package `age`: in a checkout, which git is asked about, or where it is installed, with
            the commit that it was built from.
    """
    built = _built_from(package)
    if built[0]:
        return built
    root = package.parent
    # An environment may lie in the checkout of something else.
    if _git(root, "ls-files", "--error-unmatch", f"{package.name}/{pathlib.Path(__file__).name}") is None:
        return None, None
    head, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--", *_CODE)
    return (head.strip() if head else None), (None if changes is None else not changes.strip())


def _stack() -> str | None:
    try:
        version = importlib.metadata.version("tfx")
    except importlib.metadata.PackageNotFoundError:
        return None
    return STACKS.get(".".join(version.split(".")[:2]))


def _device() -> str | None:
    """Returns what TensorFlow computes on here; None in a process that has not imported it."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None or not hasattr(tensorflow, "config"):
        return None
    gpus = tensorflow.config.list_physical_devices("GPU")
    names = [tensorflow.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]
    return ", ".join(names) if names else "CPU"


@functools.cache
def _code() -> tuple[str | None, bool | None]:
    """Returns the commit as it is when this process first asks: what it has imported does not change afterwards."""
    return commit_of(pathlib.Path(__file__).parent)


def of_this_process() -> Environment:
    """Returns what this process consists of."""
    commit, clean = _code()
    return Environment(
        commit=commit,
        clean=clean,
        stack=_stack(),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}, {' '.join(platform.libc_ver())}".rstrip(", "),
        device=_device(),
        versions=library_versions(),
    )

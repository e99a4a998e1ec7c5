"""Runs the command line as if nothing were installed but what `locks/serving.txt` has: `python small_environment.py serve …`."""

import importlib.abc
import importlib.metadata
import pathlib
import re
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]

# What TensorFlow itself needs on the compatible stack and not on the current one, for which the lock file is.
_OF_TENSORFLOW_2_16 = {"tensorflow", "tensorboard", "tensorflow-io-gcs-filesystem", "exceptiongroup", "markdown", "werkzeug"}
_OWN = {"age-pipeline"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def locked() -> set[str]:
    """Returns the distributions that the lock file of servers names."""
    text = (CHECKOUT / "locks" / "serving.txt").read_text(encoding="utf-8")
    return {canonical(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", text, re.MULTILINE)}


class _NotInstalled(importlib.abc.MetaPathFinder):
    """Finds nothing of what is installed here and would not be there."""

    def __init__(self, absent: set[str]):
        self._absent = absent

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self._absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


def absent_packages() -> set[str]:
    """Returns the top-level packages that no distribution of the lock file brings."""
    there = locked() | _OF_TENSORFLOW_2_16 | _OWN
    absent = set()
    for package, distributions in importlib.metadata.packages_distributions().items():
        if not {canonical(name) for name in distributions} & there and package.isidentifier():
            absent.add(package)
    return absent


if __name__ == "__main__":
    sys.path[0] = str(CHECKOUT)
    sys.meta_path.insert(0, _NotInstalled(absent_packages()))
    from pipeline.cli import main

    main()

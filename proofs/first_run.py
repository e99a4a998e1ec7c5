"""Proves the first five minutes: `make run` in bare Debian trees, with what README.md asks for and nothing else.

    python -m proofs.first_run /var/tmp/age-first-run [bookworm] [trixie]

Each tree is made anew: Debian's minimal system, PACKAGES, and the checkout. There `make run` must bless the demo's model.
Where the system lacks something it may stop once before that, with one line that ends with an `apt install` command,
before it wrote or downloaded anything; then that command, as it stands in the line, must have been all. Where a closed
network keeps uv from downloading the Python of the compatible stack, which Debian has no package of, this machine's own
is shown to the tree, and the closing lines say so. A tree that proved it is removed.
"""

from __future__ import annotations

import argparse
import glob
import os
import pathlib
import re
import subprocess
import sys
import time

from proofs import debian_tree

PACKAGES = ("ca-certificates", "git", "make", "python3")
RELEASES = ("bookworm", "trixie")
_LACKS = re.compile(r"^Missing here for the \w+ stack.*: (apt install [a-z0-9+. -]+)$")
_NO_PYTHON = re.compile(r"^No complete Python (3\.\d+) was found and uv could not download one")


def python_of_this_machine(version: str) -> str:
    """Returns the directory of this machine's Python of a version, library and header files in it; empty for none."""
    look = "import os, sys, sysconfig; os.path.exists(sysconfig.get_path('include') + '/Python.h') and print(sys.base_prefix)"
    of_pyenv = os.path.join(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")), "versions", f"{version}.*", "bin")
    for python in (*(f"{folder}/python{version}" for folder in sorted(glob.glob(of_pyenv))), f"python{version}"):
        try:
            found = subprocess.run([python, "-c", look], capture_output=True, text=True).stdout.strip()
        except OSError:
            continue
        # What lies in /usr is mixed with a system that is not the tree's.
        if found and found != "/usr":
            return found
    return ""


class FirstRun:
    """The first attempts of somebody with a bare system."""

    def __init__(self, tree: pathlib.Path):
        self._tree = tree
        self._variables, self._mounts = debian_tree.network()
        self._variables.update(HOME="/root", LANG="C.UTF-8")
        self._remarks = []

    def _run_inside(self, command: str, log: list | None = None) -> int:
        print(f"$ {command}", flush=True)
        return debian_tree.run_in(self._tree, f"cd {debian_tree.INSIDE} && {command}", self._variables, self._mounts, log)

    def _written(self) -> list:
        """Returns what an attempt left that the checkout and the bare system do not have."""
        inside = self._tree / debian_tree.INSIDE.lstrip("/")
        places = inside / ".venv", self._tree / "root/.cache", self._tree / "root/.local"
        return [str(path) for path in places if path.exists()]

    def prove(self) -> str:
        """Returns what was proved, and with what.

        Raises:
            SystemExit: with a sentence, when it is not as README.md says.
        """
        output = []
        status = self._run_inside("make run", output)
        lacks = next(filter(None, map(_LACKS.match, output)), None)
        if lacks:
            if self._written():
                sys.exit(f"{self._tree}: something was written before it was said what is missing: {self._written()}.")
            # The command as it stands, with nobody there to say yes.
            (self._tree / "etc/apt/apt.conf.d/90yes").write_text('APT::Get::Assume-Yes "true";\n')
            if self._run_inside(lacks[1]):
                sys.exit(f"{self._tree}: the command that was named does not work: {lacks[1]}")
            self._remarks.append(f"after '{lacks[1]}'")
            output = []
            status = self._run_inside("make run", output)
        no_python = next(filter(None, map(_NO_PYTHON.match, output)), None)
        if no_python:
            version = no_python[1]
            place = python_of_this_machine(version)
            if not place:
                sys.exit(f"{self._tree}: NOT proved: uv could not download Python {version}, and this machine has none.")
            self._mounts[place] = place
            self._variables.update(PATH=f"{debian_tree.PATH}:{place}/bin", PYTHONDONTWRITEBYTECODE="1")
            self._remarks.append(f"with this machine's Python {version}, since uv could NOT download one here")
            output = []
            status = self._run_inside("make run", output)
        if status or not any("BLESSED: this model may serve" in line for line in output):
            sys.exit(f"{self._tree}: `make run` ended with {status} and did not bless the demo's model.")
        return ", ".join(self._remarks) or "by itself"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=pathlib.Path, help="a directory for the trees")
    parser.add_argument("releases", nargs="*", metavar="release", help=f"of Debian ({' '.join(RELEASES)})")
    given = parser.parse_args()
    unknown = set(given.releases) - set(RELEASES)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))} is not tried here: name {' or '.join(RELEASES)}")
    debian_tree.require("make test-first-run")
    results = []
    for release in given.releases or RELEASES:
        tree = given.tree.absolute() / release
        debian_tree.prepare(tree, release, PACKAGES, afresh=True)
        debian_tree.copy_checkout(tree)
        started = time.monotonic()
        how = FirstRun(tree).prove()
        results.append(f"First run: Debian {release}: `make run` works, {how} ({time.monotonic() - started:.0f} s).")
        debian_tree.remove(tree)
    print("\n".join(results))


if __name__ == "__main__":
    main()

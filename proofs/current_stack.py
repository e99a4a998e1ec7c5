"""Proves the current stack where the host's C library is too old for it: in a Debian 13 tree of its own.

    python -m proofs.current_stack /var/tmp/age-current .venv [ARGUMENT of pytest]...

Makes the tree with debootstrap (root needed), unless it is there from an earlier call; copies the checkout into it;
then, inside, `make setup` and the test suite. Afterwards each stack runs the pipeline once and reads, evaluates, serves
and goes on with what the other one made (tests/stacks): the compatible stack outside, from the environment given, and
the current one inside. At last, inside, the tests on Flink, where Maven can have the jars of this stack's Beam.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

from proofs import debian_tree, first_run
from proofs.debian_tree import CHECKOUT, INSIDE

# What README.md, docs/flink.md and docs/using.md ask of a machine, and a browser for the pages' tests.
PACKAGES = (*first_run.PACKAGES, "chromium", "curl", "maven", "openjdk-21-jre-headless")


def loads_here() -> bool:
    """Whether this machine can load the current stack itself."""
    chosen = subprocess.run(["sh", "locks/stack.sh"], cwd=CHECKOUT, capture_output=True, text=True)
    if chosen.returncode:
        sys.exit(chosen.stderr.strip())
    return chosen.stdout.strip() == "current"


class Stacks:
    """Both stacks of one machine: the compatible one outside the tree, the current one inside."""

    def __init__(self, tree: pathlib.Path, venv: str):
        self._tree = tree
        self._python = os.path.join(CHECKOUT, venv, "bin", "python")
        self._variables, self._mounts = debian_tree.network()
        self._variables.update(HOME="/root", LANG="C.UTF-8", AGE_PIPELINE_SHARED="/root/shared")
        shared = os.environ.get("AGE_PIPELINE_SHARED", str(CHECKOUT.parent / "shared"))
        if os.path.isdir(shared):
            self._mounts["/root/shared"] = os.path.realpath(shared)

    def inside(self, command: str, *arguments: str, folder: str = "") -> int:
        """Runs a command of the checkout's in the tree; the folder appears there under its own name."""
        mounts = {**self._mounts, folder: folder} if folder else self._mounts
        words = " ".join("'" + word.replace("'", "'\\''") + "'" for word in arguments)
        return debian_tree.run_in(self._tree, f"cd {INSIDE} && {command} {words}", self._variables, mounts)

    def on_flink(self) -> int:
        """Runs the tests on Flink inside, where Maven can have Beam's runner."""
        if self.inside(".venv/bin/python deploy/flink/standalone.py jars"):
            print("Stacks: NOT tried on Flink, because its jars can't be had (the reason is above).", flush=True)
            return 0
        return self.inside(".venv/bin/python -m pytest -m flink tests/flink")

    def exchange(self) -> int:
        """Lets each stack make a run, and the other one try it."""
        with tempfile.TemporaryDirectory(prefix="age-exchange-", dir="/var/tmp") as folder:
            programs = {
                "compatible": lambda *words: subprocess.run([self._python, *words], cwd=CHECKOUT).returncode,
                "current": lambda *words: self.inside(".venv/bin/python", *words, folder=folder),
            }
            for stack, python in programs.items():
                print(f"Stacks: a run on the {stack} stack.", flush=True)
                if python("-m", "tests.stacks.first_run", os.path.join(folder, stack)):
                    return 1
            failed = 0
            for stack, other in (("compatible", "current"), ("current", "compatible")):
                print(f"Stacks: the {stack} stack tries what the {other} one made.", flush=True)
                os.environ["AGE_PIPELINE_OTHER_STACK"] = self._variables["AGE_PIPELINE_OTHER_STACK"] = os.path.join(
                    folder, other
                )
                failed |= programs[stack]("-m", "pytest", "-q", "-m", "stacks", "tests/stacks")
            return failed


def ended_well(*command: str) -> bool:
    return subprocess.run(command, cwd=CHECKOUT).returncode == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tree", type=pathlib.Path, help="a directory that does not exist yet, or the tree of an earlier call")
    parser.add_argument("venv", help="the project's environment on this machine")
    given, arguments = parser.parse_known_args()
    if loads_here():
        print("This machine loads the current stack itself, so no tree is needed: running `make test`.", flush=True)
        sys.exit(not ended_well("make", "test"))
    debian_tree.require("make test-current")
    if not ended_well("sh", "locks/install.sh", given.venv, "compatible"):
        sys.exit(1)
    tree = given.tree.absolute()
    debian_tree.prepare(tree, "trixie", PACKAGES)
    debian_tree.copy_checkout(tree)
    stacks = Stacks(tree, given.venv)
    if stacks.inside("make setup STACK=current"):
        sys.exit(1)
    failed = stacks.inside(".venv/bin/python -m pytest", *arguments)
    failed |= stacks.exchange()
    # Whoever names a part of the suite wants that part.
    if not arguments:
        failed |= stacks.on_flink()
    sys.exit(failed)


if __name__ == "__main__":
    main()

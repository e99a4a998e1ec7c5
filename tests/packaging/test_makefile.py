"""What the Makefile promises: help for every target, parameters with any characters, refusals in one sentence."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PARAMETERS = ("VENV", "STACK", "VARIANT", "DATA", "CONFIG", "WORKDIR", "SET", "TREE", "ARGS")


def make(*arguments, path_first=None):
    """Run make in the checkout, with none of its parameters set from outside, and return the finished process."""
    outside = {*PARAMETERS, "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKEOVERRIDES"}
    environment = {name: value for name, value in os.environ.items() if name not in outside}
    if path_first:
        environment["PATH"] = f"{path_first}{os.pathsep}{environment['PATH']}"
    return subprocess.run(["make", *arguments], cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=30)


def run_command(*parameters):
    """Return the words of the command that `make run` would give to the shell."""
    printed = make("-n", "run", "VENV=an env", *parameters)
    assert printed.returncode == 0, printed.stderr
    return shlex.split(printed.stdout.strip().splitlines()[-1])


@pytest.fixture
def machine_with_glibc(tmp_path):
    """Return a function that makes a folder whose `getconf` reports the given C library."""

    def folder_for(answer):
        getconf = tmp_path / "getconf"
        getconf.write_text(f"#!/bin/sh\necho '{answer}'\n")
        getconf.chmod(0o755)
        return tmp_path

    return folder_for


def choose_stack(folder, *arguments):
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "locks/stack.sh", *arguments], cwd=CHECKOUT, env=environment, capture_output=True, text=True, timeout=30
    )


def test_help_is_the_default_and_lists_every_target_and_parameter():
    targets = re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), flags=re.MULTILINE)
    printed = make()
    assert printed.returncode == 0
    assert re.findall(r"^  ([a-z-]+)  +\S", printed.stdout, flags=re.MULTILINE) == targets
    assert {"help", "setup", "run", "test", "bench", "lock", "clean"} <= set(targets)
    assert re.findall(r"^  ([A-Z]+)=", printed.stdout, flags=re.MULTILINE) == list(PARAMETERS)


def test_run_without_data_runs_the_demo():
    assert run_command() == ["an env/bin/age-pipeline", "run", "--config", "configs/demo.yaml"]


def test_run_with_data_uses_the_configuration_for_faces():
    command = run_command("DATA=faces")
    assert command[1:] == ["run", "--config", "configs/faces.yaml", "--data", "faces"]


@pytest.mark.parametrize("path", ["a b", "it's", 'a "b"', "a,b", "(a)", "ü;é", "$HOME", "`id`", "a&b", "-dash"])
def test_paths_with_any_characters_reach_the_command_as_they_were_given(path):
    command = run_command(f"DATA={path}", f"CONFIG={path}.yaml", f"WORKDIR={path}/work")
    assert command[1:] == ["run", "--config", f"{path}.yaml", "--data", path, "--workdir", f"{path}/work"]


def test_each_override_becomes_an_option_and_args_are_passed_on():
    command = run_command("SET=trainer.epochs=3 data.dir='x'", "ARGS=--set 'a.b=c d'")
    overrides = ["--set", "trainer.epochs=3", "--set", "data.dir='x'", "--set", "a.b=c d"]
    assert command[1:] == ["run", "--config", "configs/demo.yaml", *overrides]


@pytest.mark.parametrize(
    ("glibc", "stack"),
    [("2.34", "compatible"), ("2.36", "compatible"), ("2.39", "current"), ("2.100", "current")],
)
def test_the_newest_stack_that_the_c_library_allows_is_chosen_and_the_reason_said(machine_with_glibc, glibc, stack):
    chosen = choose_stack(machine_with_glibc(f"glibc {glibc}"))
    assert chosen.stdout == f"{stack}\n"
    assert f"Stack: {stack}" in chosen.stderr and f"glibc here is {glibc}" in chosen.stderr


def test_the_older_stack_can_be_asked_for_on_a_newer_system(machine_with_glibc):
    assert choose_stack(machine_with_glibc("glibc 2.41"), "compatible").stdout == "compatible\n"


@pytest.mark.parametrize(
    ("c_library", "arguments", "sentence"),
    [
        ("glibc 2.36", ["STACK=nonsense"], "STACK=nonsense is not a stack of this project"),
        ("glibc 2.36", ["STACK=current"], "STACK=current can't load on this machine: glibc here is 2.36"),
        ("", [], "this one has another C library"),
        ("glibc 2.36", ["VARIANT=tpu"], "VARIANT=tpu is none of this project: use cpu or gpu."),
    ],
)
def test_a_stack_that_can_not_be_had_ends_in_one_sentence(machine_with_glibc, tmp_path, c_library, arguments, sentence):
    environment = tmp_path / "environment"
    refused = make("setup", f"VENV={environment}", *arguments, path_first=machine_with_glibc(c_library))
    said = [line for line in refused.stderr.splitlines() if not line.startswith("make")]
    assert refused.returncode == 2
    assert len(said) == 1 and sentence in said[0]
    assert not environment.exists()


def test_setup_leaves_a_directory_alone_that_it_did_not_make(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    refused = make("setup", f"VENV={tmp_path}")
    assert refused.returncode == 2
    assert "a directory with something else in it" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_clean_removes_only_an_environment_of_the_project(tmp_path):
    printed = make("-n", "clean", f"VENV={tmp_path}")
    assert f"if [ -e '{tmp_path}'/.age-pipeline ]" in printed.stdout

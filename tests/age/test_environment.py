"""What a process consists of, and the commit of the code: in a checkout, as a package, and where nobody knows."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import zipfile

import pytest

import age
from age import environment
from schemas.verdict import Environment

CHECKOUT = pathlib.Path(__file__).parents[2]


def git(directory, *arguments) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def project(tmp_path) -> pathlib.Path:
    """A directory with what a package is built from, and no history."""
    for name in ("age", "schemas"):
        shutil.copytree(CHECKOUT / name, tmp_path / "project" / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "LICENSE"):
        shutil.copy(CHECKOUT / name, tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def checkout(project) -> pathlib.Path:
    git(project, "init", "--quiet")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", "one")
    return project


def test_a_checkout_has_its_commit_and_whether_the_code_was_changed(checkout):
    head = git(checkout, "rev-parse", "HEAD").strip()

    assert environment.commit_of(checkout / "age") == (head, True)
    (checkout / "notes.txt").write_text("no code\n")
    assert environment.commit_of(checkout / "age") == (head, True)
    (checkout / "age" / "storage.py").write_text("# changed\n")
    assert environment.commit_of(checkout / "age") == (head, False)
    git(checkout, "checkout", "--", "age")
    (checkout / "schemas" / "new.py").write_text("")
    assert environment.commit_of(checkout / "age") == (head, False)


def test_a_commit_is_not_known_without_history_nor_in_the_checkout_of_something_else(project, tmp_path):
    assert environment.commit_of(project / "age") == (None, None)

    git(tmp_path, "init", "--quiet")
    (tmp_path / "of_another_project").write_text("")
    git(tmp_path, "add", "of_another_project")
    git(tmp_path, "commit", "--quiet", "--message", "one")
    assert environment.commit_of(project / "age") == (None, None)


def built(project, tmp_path, commit="") -> pathlib.Path:
    """Builds the wheel and returns the package `age` in it, unpacked."""
    variables = {**os.environ, "AGE_PIPELINE_COMMIT": commit}
    subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", str(tmp_path / "wheels")],
        cwd=project,
        env=variables,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    return tmp_path / "installed" / "age"


@pytest.mark.parametrize(
    "told, known",
    [
        ("ab" * 20, ("ab" * 20, True)),
        (f"{'cd' * 20}-dirty", ("cd" * 20, False)),
        ("", (None, None)),
        ("; rm -rf /", (None, None)),
    ],
)
def test_a_package_has_the_commit_that_its_build_was_told(project, tmp_path, told, known):
    assert environment.commit_of(built(project, tmp_path, told)) == known


def test_a_package_built_in_a_checkout_has_that_commit(checkout, tmp_path):
    head = git(checkout, "rev-parse", "HEAD").strip()
    (checkout / "age" / "storage.py").write_text("# changed\n")

    assert environment.commit_of(built(checkout, tmp_path)) == (head, False)
    assert not (checkout / "age" / environment.BUILT_FROM_FILE).exists()


@pytest.mark.parametrize("stack", ["current", "compatible"])
def test_stacks_are_told_by_the_tfx_that_they_lock(stack):
    locked = re.search(r"^tfx==(\d+\.\d+)\.", (CHECKOUT / "locks" / f"{stack}.in").read_text(), re.MULTILINE)[1]

    assert environment.STACKS[locked] == stack


def test_a_process_is_told_as_it_is_without_tensorflow_and_then_there_is_no_device():
    program = (
        "import sys; from age import environment; print(environment.of_this_process().model_dump_json()); "
        "sys.exit('tensorflow' in sys.modules)"
    )

    told = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout

    here = Environment.model_validate_json(told)
    assert here.python == platform.python_version() and here.system.startswith(f"Linux {platform.machine()}, glibc ")
    assert (here.commit, here.clean) == environment.commit_of(pathlib.Path(age.__file__).parent)
    assert here.versions["tensorflow"] and here.versions["age-pipeline"]
    assert here.stack in ("current", "compatible") and here.device is None

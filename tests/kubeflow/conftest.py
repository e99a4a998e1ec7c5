"""The project as its built package in a directory of its own, and the specification of a small run."""

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

from tests.kubeflow.imitation.containers import Containers

CHECKOUT = pathlib.Path(__file__).parents[2]
PACKAGES = ("age", "components", "pipeline", "schemas")
PRELOADED = [
    "pipeline.kubeflow.lean_imports:install",
    "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_entrypoint_utils",
    "tensorflow",
    "keras",
    "tensorflow_data_validation.api.validation_api",
    "tensorflow_model_analysis.api.model_eval_lib",
]
"""What takes long to import, in the way in which the entrypoint imports it; containers are forks of a process that has it."""


@pytest.fixture(scope="session")
def installed_package(tmp_path_factory) -> pathlib.Path:
    """A directory that holds the wheel's content and nothing of the checkout; in an image, where it is installed."""
    if os.environ.get("AGE_PIPELINE_INSTALLED"):
        return pathlib.Path(sysconfig.get_path("purelib"))
    build = tmp_path_factory.mktemp("build")
    for name in PACKAGES:
        shutil.copytree(CHECKOUT / name, build / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "setup.py", build)
    subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel", "--dist-dir", "wheels"], cwd=build, check=True, capture_output=True
    )
    (wheel,) = (build / "wheels").glob("*.whl")
    target = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target


@pytest.fixture(scope="session")
def container_environment(installed_package, tmp_path_factory) -> dict:
    """Variables of a container: the package instead of the checkout, and nothing of this shell's but what is said here."""
    home = tmp_path_factory.mktemp("home")
    environment = {
        "PATH": f"{pathlib.Path(sys.executable).parent}:/usr/bin:/bin",
        "PYTHONPATH": str(installed_package),
        "HOME": str(home),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", ""),
    }
    where = subprocess.run(
        ["python", "-c", "import pipeline, components, schemas; print(pipeline.__file__, components.__file__)"],
        cwd=home,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert all(path.startswith(str(installed_package)) for path in where.split())
    return environment


@pytest.fixture(scope="session")
def containers(container_environment, tmp_path_factory):
    """Starts the containers of every run, with what takes long to import already there."""
    started = Containers(container_environment, tmp_path_factory.mktemp("server"), PRELOADED)
    yield started
    started.close()


def small_specification(workdir: pathlib.Path, data: pathlib.Path, *overrides: str) -> str:
    """Compiles the pipeline under the settings of the small runs."""
    from pipeline import configuration
    from pipeline.kubeflow import compiler
    from tests.end_to_end.conftest import SMALL_RUN

    configured = configuration.load(
        None,
        [*SMALL_RUN, "kubeflow.image=age-pipeline:test", *overrides],
        data_dir=str(data),
        workdir=str(workdir),
        for_cluster=True,
    )
    return compiler.compile_specification(configured)

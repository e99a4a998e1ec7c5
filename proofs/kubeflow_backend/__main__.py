"""Puts the compiled pipeline through Kubeflow Pipelines' real API server, driver and launcher, and looks at how its runs end.

    python -m proofs.kubeflow_backend /var/tmp/age-kubeflow --release 2.17.0 [--source CLONE]

Root is needed, for mounts and a network of its own, which nothing outside can be reached from; and Go, git, MariaDB's server
and OpenSSL. `submit` uploads the pipeline and starts four runs, one after the other: a first one must be blessed, a second
one must come from the cache, a third must not be blessed, and a fourth must be stopped by its input. Every container is a
process that imports TensorFlow: the runs take eight minutes on two cores, and building takes longer the first time. What was
built stays in the directory; `runs/logs` in it has the log of every pod.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time

from proofs.kubeflow_backend import source

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
RELEASE = "2.17.0"

_NEEDED = {
    "go": "install Go, of the version that the release's go.mod names or newer",
    "git": "apt install git",
    "mariadbd": "apt install mariadb-server-core",
    "openssl": "apt install openssl",
    "unshare": "apt install util-linux",
    "ip": "apt install iproute2",
}


def require() -> None:
    """Ends the program with a sentence where this machine can't do it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit("make test-backend needs root, for mounts and a network of its own: run this as root.")
    for program, remedy in _NEEDED.items():
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            sys.exit(f"make test-backend needs {program}, and there is none here: {remedy}.")


def install(package: pathlib.Path) -> None:
    """Puts the project into a directory as its wheel would install it."""
    shutil.rmtree(package, ignore_errors=True)
    build = package.with_name("build")
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    for name in ("age", "components", "pipeline", "schemas"):
        shutil.copytree(CHECKOUT / name, build / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "setup.py", build)
    command = [sys.executable, "setup.py", "-q", "install_lib", "--install-dir", str(package)]
    subprocess.run(command, cwd=build, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directory", type=pathlib.Path, help="for what is built and for the runs")
    parser.add_argument("--release", default=RELEASE, help="a tag of Kubeflow Pipelines (%(default)s)")
    parser.add_argument("--source", default=source.REPOSITORY, help="a clone of it on this machine (%(default)s)")
    given = parser.parse_args()
    require()
    directory = given.directory.absolute() / given.release
    directory.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    source.unpack(given.release, given.source, directory / "source")
    source.build(directory / "source", directory / "programs")
    source.build_store(directory.parent)
    install(directory / "package")
    runs = directory / "runs"
    shutil.rmtree(runs, ignore_errors=True)
    runs.mkdir()
    print(f"Kubeflow Pipelines {given.release}: its programs are there ({time.monotonic() - started:.0f} s).", flush=True)
    isolated = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
    inside = [sys.executable, "-m", "proofs.kubeflow_backend.runs", str(directory)]
    # There is no proxy where the runs are.
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    sys.exit(subprocess.run([*isolated, *inside], cwd=CHECKOUT, env=environment).returncode)


if __name__ == "__main__":
    main()

"""The four runs, inside the namespaces that `__main__.py` made."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys
import time

from proofs.kubeflow_backend.installation import HOST, Installation
from schemas import exit_status

CONFIGURATION = pathlib.Path(__file__).with_name("configuration.yaml")
FACES = 300

ALWAYS_RUN = {"RunStart", "DataGate", "Champion", "VerdictWriter", "Pusher", "BlessingReport", "BlessingGate"}
"""What never comes from the cache: docs/kubeflow.md says why."""

RUNS = (
    ("A first run", (), exit_status.DONE, "blessed"),
    ("The same again", (), exit_status.DONE, "blessed"),
    ("With a limit that nothing keeps", ("max_mae=0.001",), exit_status.NOT_BLESSED, "not blessed"),
    ("Without data", ("data_dir=/mnt/age/nowhere",), exit_status.BAD_INPUT, "stopped by its input"),
)
"""What is said of a run, its parameters, the exit status of `submit --wait`, and the ending that it tells."""


def age_pipeline(*arguments: str) -> tuple:
    """Runs a command of the checkout's and returns its exit status and its lines, which are printed as they come."""
    command = [f"{sys.prefix}/bin/age-pipeline", *arguments]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        for line in running.stdout:
            print(f"    {line}", end="", flush=True)
            lines.append(line.rstrip("\n"))
    return running.returncode, lines


_STEP = re.compile(r".*\.root\.([^.]+)\.executor(?:\(\d+\))?")


def prove(directory: pathlib.Path) -> list:
    """Runs the pipeline four times and returns what is wrong with it, a sentence each."""
    runs = directory / "runs"
    had_containers: dict = {}

    def ended(run_id: str, node: str) -> None:
        step = _STEP.fullmatch(node)
        if step:
            had_containers.setdefault(run_id, set()).add(step[1])

    configuration = directory / "source" / "backend" / "src" / "apiserver" / "config"
    Installation(runs, directory / "programs", directory.parent / "gofakes3", configuration, directory / "package", ended)
    age_pipeline("sample-data", str(runs / "volume" / "data"), "--count", str(FACES), "--image-size", "32")
    wrong = []
    for title, parameters, status, ending in RUNS:
        print(f"{title} ({', '.join(parameters) or 'as configured'}):", flush=True)
        started = time.monotonic()
        assigned = [word for parameter in parameters for word in ("--param", parameter)]
        found, lines = age_pipeline("submit", "--host", HOST, "--config", str(CONFIGURATION), "--wait", *assigned)
        if found != status or f"The run ended: {ending}." not in lines:
            wrong.append(f"{title}: expected the ending '{ending}' and the exit status {status}, which was {found}.")
        print(f"{title}: ended with {found} after {time.monotonic() - started:.0f} s.", flush=True)
        if wrong:
            break
    second = list(had_containers.values())[1:2]
    if not wrong and second != [ALWAYS_RUN]:
        wrong.append(f"Not from the cache were {second}; expected {sorted(ALWAYS_RUN)}.")
    return wrong


def main() -> None:
    directory = pathlib.Path(sys.argv[1])
    wrong = prove(directory)
    if wrong:
        sys.exit("\n".join([*wrong, f"The logs are in {directory / 'runs' / 'logs'}."]))
    print(f"Kubeflow Pipelines {directory.name}: blessed, from the cache, not blessed and stopped, as it should be.")


if __name__ == "__main__":
    main()

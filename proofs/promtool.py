"""Builds Prometheus' own tool with Go, and lets it check and try the alerts of `deploy/serving`: `make test-alerts`."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]

_PACKAGE = "github.com/prometheus/prometheus/cmd/promtool"
_VERSION = "v0.316.0"
_TESTS = "tests/packaging/test_serving_manifests.py"


def build(directory: pathlib.Path) -> pathlib.Path:
    """Builds the tool, unless it is there, and returns it. It takes three minutes of processor time."""
    program = directory / f"promtool-{_VERSION}"
    if program.exists():
        return program
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "go.mod").write_text("module alerts\n\ngo 1.25\n")
    environment = {**os.environ, "CGO_ENABLED": "0"}
    print(f"Building promtool {_VERSION} …", flush=True)
    for command in (
        ["go", "get", f"{_PACKAGE}@{_VERSION}"],
        # Without what finds targets in each cloud, for which it would take ten times as long.
        ["go", "build", "-trimpath", "-tags", "remove_all_sd", "-o", str(program), _PACKAGE],
    ):
        if subprocess.run(command, cwd=directory, env=environment).returncode:
            sys.exit(
                f"{_PACKAGE} {_VERSION} can't be built in {directory} (the reason is above). It needs Go and its module proxy."
            )
    return program


def main() -> None:
    directory, *further = sys.argv[1:]
    program = build(pathlib.Path(directory).resolve())
    environment = {**os.environ, "AGE_PIPELINE_PROMTOOL": str(program)}
    sys.exit(subprocess.run([sys.executable, "-m", "pytest", _TESTS, *further], cwd=CHECKOUT, env=environment).returncode)


if __name__ == "__main__":
    main()

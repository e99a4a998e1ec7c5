"""The runs that a workdir remembers, read from their `blessing.json` alone: no library of the pipeline is needed."""

import dataclasses
import datetime
import json
import os
import pathlib
import webbrowser
from collections.abc import Callable

import pydantic

from age.untrusted_text import harmless
from pipeline.terminal.run_display import duration
from schemas.bad_input import BadInput
from schemas.verdict import BLESSING_FILE, REPORTS_DIR, SCHEMA_VERSION, Verdict

REPORT_PAGE = "report.html"
LATEST = "latest"


@dataclasses.dataclass(frozen=True)
class PastRun:
    """A run that left a folder in the reports.

    Attributes:
        name: the run id: the folder's name.
        directory: the folder.
        verdict: what `blessing.json` says; one that says nothing when it can't be used.
        problem: a sentence on why it can't.
    """

    name: str
    directory: str
    verdict: Verdict
    problem: str | None = None

    def page(self) -> str:
        """Returns the path of the report's page, which lies beside `blessing.json` whatever that says."""
        return os.path.join(self.directory, REPORT_PAGE)

    def seconds(self) -> float | None:
        """Returns what the stages took together; None for runs that did not write it down."""
        known = [stage.seconds for stage in self.verdict.stages if stage.seconds is not None]
        return sum(known) if known else None

    def took(self) -> str:
        """Returns the same for a person, or `-`."""
        return "-" if self.seconds() is None else duration(self.seconds())

    def finished(self) -> str:
        """Returns when the verdict was made, to the minute, UTC, or `-`."""
        try:
            created = datetime.datetime.fromisoformat(self.verdict.created or "")
            return created.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
        except (ValueError, OverflowError):
            return "-"


def _first_problem(error: pydantic.ValidationError) -> str:
    found = error.errors()[0]
    where = ".".join(str(part) for part in found["loc"]) or "the whole"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {found['msg'][0].lower()}{found['msg'][1:]}{more}"


def _read(directory: str) -> PastRun:
    path = os.path.join(directory, BLESSING_FILE)

    def unusable(problem: str) -> PastRun:
        return PastRun(os.path.basename(directory), directory, Verdict(reasons=[]), f"{path}: {problem}")

    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        return unusable("there is no such file; the report was not finished, or the file was deleted.")
    except OSError as error:
        return unusable(f"the file can't be read: {error.strerror}.")
    except (ValueError, RecursionError) as error:
        return unusable(f"the file is damaged: not JSON ({error}).")
    if not isinstance(content, dict):
        return unusable(f"the file is damaged: found {type(content).__name__}, expected the keys of a verdict.")
    version = content.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        return unusable(
            f"a newer version of age-pipeline wrote it (schema version {version}; this one reads up to {SCHEMA_VERSION}). "
            "Update age-pipeline."
        )
    try:
        verdict = Verdict.from_content(content)
    except (pydantic.ValidationError, RecursionError) as error:
        problem = _first_problem(error) if isinstance(error, pydantic.ValidationError) else "nested too deeply"
        return unusable(f"the file is damaged: {problem}.")
    return PastRun(os.path.basename(directory), directory, verdict)


def find(workdir: str) -> list[PastRun]:
    """Returns the runs of a workdir, oldest first.

    Raises:
        BadInput: there is no such directory.
    """
    if not os.path.isdir(workdir):
        raise BadInput(f"workdir: {workdir}: there is no such directory. Choose another with --workdir or --config.")
    reports = os.path.join(workdir, REPORTS_DIR)
    try:
        names = sorted(os.listdir(reports))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BadInput(f"{reports}: the reports can't be read: {error.strerror}.") from error
    return [_read(os.path.join(reports, name)) for name in names if os.path.isdir(os.path.join(reports, name))]


def choose(runs: list[PastRun], name: str, workdir: str) -> PastRun:
    """Returns the run that a person means.

    Args:
        runs: from `find`.
        name: the run id, a beginning of it that no other has, or `latest`.
        workdir: for the message.

    Raises:
        BadInput: no run or several runs are called so, or its `blessing.json` can't be used.
    """
    if not runs:
        raise BadInput(f"{workdir}: no runs there yet. `age-pipeline run --workdir {workdir}` makes one.")
    if name == LATEST:
        meant = runs[-1:]
    else:
        meant = [run for run in runs if run.name == name] or [run for run in runs if run.name.startswith(name)]
    if len(meant) != 1:
        known = ", ".join(run.name for run in (meant or runs)[-10:])
        found = f"{len(meant)} runs begin with {name!r}" if meant else f"no run begins with {name!r}"
        raise BadInput(f"{workdir}: {found}; expected one of {known}, or {LATEST!r}.")
    if meant[0].problem:
        raise BadInput(meant[0].problem)
    return meant[0]


def open_page(run: PastRun, say: Callable[[str], None]) -> None:
    """Opens the page of a run in a browser, or says where it is when there is none.

    Raises:
        BadInput: there is no page.
    """
    page = pathlib.Path(run.page())
    if not page.is_file():
        raise BadInput(f"{page}: there is no such page; it was deleted. `age-pipeline report {run.name}` prints the verdict.")
    open_file(page, say)


def open_file(page: pathlib.Path, say: Callable[[str], None]) -> None:
    """Opens a page in a browser, or says where it is when there is none."""
    opened = webbrowser.open(page.resolve().as_uri())
    say(f"Opened {harmless(page)}" if opened else f"No browser could be started here. The page is {harmless(page)}")

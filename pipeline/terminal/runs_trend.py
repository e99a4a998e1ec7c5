"""Writes the page about all runs of a workdir."""

import os
import pathlib
import urllib.parse
from collections.abc import Callable

from age import storage
from age.reporting import trend
from age.serving import serving_directory
from age.untrusted_text import harmless
from pipeline.terminal import past_runs, runs_text
from schemas.bad_input import BadInput
from schemas.verdict import REPORTS_DIR


def _trend_run(run: past_runs.PastRun) -> trend.TrendRun:
    link = f"{urllib.parse.quote(run.name)}/{past_runs.REPORT_PAGE}" if os.path.isfile(run.page()) else None
    return trend.TrendRun(harmless(run.name), runs_text.outcome(run)[0], run.finished(), run.verdict, link)


def write(runs: list[past_runs.PastRun], workdir: str, serving_dir: str, open_page: bool, say: Callable[[str], None]) -> None:
    """Writes `reports/index.html` and says where it is.

    Args:
        runs: from `past_runs.find`.
        workdir: theirs.
        serving_dir: where what is being served lies.
        open_page: whether to open the page in a browser.
        say: prints a line.

    Raises:
        BadInput: there are no runs, or the page can't be written.
    """
    if not runs:
        raise BadInput(f"{workdir}: no runs there yet. `age-pipeline run --workdir {workdir}` makes one.")
    served = serving_directory.served_models(serving_dir)
    version = served[0].version if served else None
    page = os.path.join(workdir, REPORTS_DIR, trend.INDEX_FILE)
    try:
        storage.write_text(page, trend.render([_trend_run(run) for run in runs], version, serving_dir))
    except OSError as error:
        raise BadInput(f"{page}: the page can't be written: {error.strerror or error}.") from error
    said = f"version {version} is being served" if served else "nothing is being served"
    say(f"{len(runs)} runs, {said}: {harmless(page)}")
    if open_page:
        past_runs.open_file(pathlib.Path(page), say)

"""The page about all runs of a workdir: how error and data went, and what is being served."""

import dataclasses
from collections.abc import Sequence

import markupsafe

from age.reporting import charts, page
from age.untrusted_text import harmless
from schemas.verdict import Verdict

INDEX_FILE = "index.html"
MAX_CHARTED = 100
"""Runs in the chart, the latest ones; the table has all of them."""

_TEMPLATE = "trend.html.j2"


@dataclasses.dataclass(frozen=True)
class TrendRun:
    """A run as the page shows it.

    Attributes:
        name: the run id.
        outcome: what came of it, in words.
        finished: when, for a person.
        verdict: what it found; one that says nothing where that can't be read.
        report: the path of its page from the index, or None where there is none.
    """

    name: str
    outcome: str
    finished: str
    verdict: Verdict
    report: str | None

    @property
    def pushed(self) -> bool:
        """Whether its model is a version in the serving directory, or was."""
        return self.verdict.blessed is True and self.verdict.model_version is not None

    @property
    def is_measured(self) -> bool:
        return self.verdict.metrics is not None and self.verdict.metrics.mae is not None


def changed_data(runs: Sequence[TrendRun]) -> list[bool]:
    """Tells of each run whether its data differ from those of the last one before it that says what it had."""
    changed: list[bool] = []
    before = None
    for run in runs:
        fingerprint = run.verdict.data_fingerprint
        changed.append(before is not None and fingerprint is not None and fingerprint != before)
        before = fingerprint or before
    return changed


def served_run(runs: Sequence[TrendRun], version: int | None) -> str | None:
    """Returns the name of the run that pushed a version, or None; later ones may have found it there."""
    return next((run.name for run in runs if run.pushed and run.verdict.model_version == str(version)), None)


def _chart(runs: Sequence[TrendRun]) -> markupsafe.Markup | None:
    measured = [run.verdict.metrics for run in runs if run.verdict.metrics is not None]
    if not measured:
        return None
    return markupsafe.Markup(charts.mae_over_runs(measured, [run.pushed for run in runs], changed_data(runs)))


def render(runs: Sequence[TrendRun], version: int | None, serving_dir: str) -> str:
    """Returns the page: one file that needs nothing else.

    Args:
        runs: oldest first.
        version: what is being served, or None for nothing.
        serving_dir: where.
    """
    displayed = [dataclasses.replace(run, verdict=page.shown(run.verdict)) for run in runs]
    measured = [run for run in displayed if run.is_measured]
    charted = measured[-MAX_CHARTED:]
    return (
        page.environment()
        .get_template(_TEMPLATE)
        .render(
            runs=list(zip(displayed, changed_data(displayed)))[::-1],
            chart=_chart(charted),
            charted=len(charted),
            number_of={run.name: number for number, run in enumerate(charted, start=1)},
            version=version,
            served_run=served_run(displayed, version),
            serving_dir=harmless(serving_dir, 200),
        )
    )

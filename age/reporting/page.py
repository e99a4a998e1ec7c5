"""Writes a verdict into a folder: `blessing.json` for programs and `report.html` for people."""

import csv
import os
import re
from collections.abc import Callable
from typing import Any

import jinja2
import markupsafe

from age import storage
from age.dataset import data_facts
from age.reporting import (
    charts,
    drawings,
    environments,
    for_whom,
    headline,
    reproduction,
    shown_predictions,
    thumbnails,
    trials,
)
from age.reporting.drawings import Drawings
from age.reporting.shown_predictions import ShownPredictions
from age.untrusted_text import harmless, harmless_throughout
from schemas import features
from schemas.verdict import ADEQUATE, BAD, BLESSING_FILE, EVALUATE, EVALUATION_FILE, NOT_ENOUGH, Paths, Verdict

REPORT_FILE = "report.html"
MODEL_CARD_FILE = "model_card.md"

_TEMPLATE = "page.html.j2"
_PARTS_ABOUT_THE_MODEL = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in ("<title>.*?</title>", "<header>.*?(?=<nav)", '<section id="provenance">.*?</section>')
)


def _percent(value: float | None, digits: int = 1) -> str:
    return "not a number" if value is None else f"{100 * value:.{digits}f} %"


def _signed(value: float | None) -> str:
    return "not a number" if value is None else f"{value:+.2f}"


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 0.1:
        return "under 0.1 s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _bytes(number: float) -> str:
    return f"{number / 1e6:,.0f} MB" if number >= 1e6 else f"{number / 1e3:,.0f} kB"


def _short(text: object, limit: int = 60) -> str:
    return harmless(str(text), limit)


_EVIDENCE = {ADEQUATE: "enough, and good", NOT_ENOUGH: "not enough", BAD: "the error is too large"}


_ENVIRONMENT_FILTERS: dict[str, Callable[..., str]] = {
    "years": headline.years,
    "group": for_whom.named,
    "signed": _signed,
    "percent": _percent,
    "count": _count,
    "duration": _duration,
    "bytes": _bytes,
    "short": _short,
}


def environment() -> jinja2.Environment:
    """Returns the environment of the page's templates; what is not marked as safe is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("age.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(_ENVIRONMENT_FILTERS)
    return templates


def shown(verdict: Verdict) -> Verdict:
    """Returns a verdict with every text in it made fit to be shown."""
    return Verdict.model_validate(harmless_throughout(verdict.model_dump(exclude_unset=True)))


def _read_predictions(path: str | None) -> tuple[ShownPredictions | None, str | None]:
    """Returns the predictions, None where there are none, and what to say when they should be there and are not."""
    if not path:
        return None, None
    try:
        return shown_predictions.read(path), None
    except (OSError, ValueError, IndexError, csv.Error) as error:
        return None, f"The predictions can't be read ({harmless(str(error), 300)}): their charts are left out."


def _with_published_paths(verdict: Verdict) -> Verdict:
    """Returns the verdict with paths as others know them; a step on Kubeflow reads copies."""
    paths = verdict.paths.model_dump(exclude_unset=True)
    published = Paths(**{name: path and storage.published_uri(path) for name, path in paths.items()})
    return verdict.model_copy(update={"paths": published})


def render(verdict: Verdict, drawn_before: str | None = None) -> str:
    """Returns the page of a verdict: one file that needs nothing else and asks for nothing.

    What a verdict lacks is left out, so that old ones can be shown too. Besides the verdict it reads the files that
    `paths.predictions` and `paths.examples` name.

    Args:
        verdict: of a run.
        drawn_before: path of a file that keeps the last charts and photographs (see `drawings.make`).
    """
    predicted, predictions_problem = _read_predictions(verdict.paths.predictions)
    displayed = _displayed(verdict)
    drawn = drawings.make(displayed, predicted, verdict.paths.examples, drawn_before)
    return _render(verdict, displayed, drawn, predicted, predictions_problem)


def _displayed(verdict: Verdict) -> Verdict:
    return shown(_with_published_paths(verdict))


def _render(
    verdict: Verdict,
    displayed: Verdict,
    drawn: Drawings,
    predicted: ShownPredictions | None = None,
    predictions_problem: str | None = None,
) -> str:
    processes = environments.processes(displayed)
    made_with = environments.side_by_side(list(processes.values()))
    drawn_charts: dict[str, Any] = {
        name: markupsafe.Markup(chart) if isinstance(chart, str) else chart for name, chart in drawn.charts.items()
    }
    of_slices = {feature: markupsafe.Markup(chart) for feature, chart in drawn.charts_of_slices.items()}
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            verdict=displayed,
            headline=headline.headline(displayed),
            comparisons=headline.comparisons(displayed),
            slices=drawings.slices_by_feature(displayed.slices),
            evidence=_EVIDENCE,
            charts={**drawn_charts, "slices": of_slices},
            predictions=predicted,
            predictions_problem=predictions_problem,
            faces=drawn.faces,
            whole=drawings.whole(displayed),
            trial_rows=list(trials.rows(displayed.training.search))
            if displayed.training and displayed.training.search
            else [],
            max_points=charts.MAX_POINTS,
            per_decade=thumbnails.PER_DECADE,
            environments=list(processes),
            made_with=made_with,
            trained_elsewhere=any(len(set(values)) > 1 for _, values in made_with),
            reproduce=reproduction.command(verdict.configuration, verdict.kind)
            if verdict.configuration and verdict.kind != EVALUATE
            else None,
            splits=features.SPLITS,
            decade=features.AGE_DECADE,
            rejects_file=data_facts.REJECTS_FILE if verdict.paths.rejects else None,
            near_duplicates_file=data_facts.NEAR_DUPLICATES_FILE if verdict.paths.rejects else None,
            model_card_file=MODEL_CARD_FILE if verdict.paths.model_card else None,
            blessing_file=content_file(verdict),
        )
    )


def content_file(verdict: Verdict) -> str:
    """Returns the name of the file that programs read a verdict from."""
    return EVALUATION_FILE if verdict.kind == EVALUATE else BLESSING_FILE


def write_verdict(verdict: Verdict, *directories: str) -> None:
    """Writes `blessing.json` (`content_file`) alone into each directory.

    Args:
        verdict: of a run.
        directories: created where they do not exist.
    """
    content = _with_published_paths(verdict).to_json()
    for directory in directories:
        storage.make_directory(directory)
        storage.write_text(os.path.join(directory, content_file(verdict)), content)


def write(verdict: Verdict, *directories: str, drawn_before: str | None = None) -> None:
    """Writes `report.html`, `blessing.json`, `rejects.csv`, `near_duplicates.csv` and `model_card.md` into each directory.

    Args:
        verdict: of a run.
        directories: created where they do not exist.
        drawn_before: as in `render`.
    """
    page = render(verdict, drawn_before)
    beside = {data_facts.REJECTS_FILE: verdict.paths.rejects, MODEL_CARD_FILE: verdict.paths.model_card}
    if verdict.paths.rejects and verdict.data.near_duplicates:
        beside[data_facts.NEAR_DUPLICATES_FILE] = os.path.join(
            os.path.dirname(verdict.paths.rejects), data_facts.NEAR_DUPLICATES_FILE
        )
    for directory in directories:
        storage.make_directory(directory)
        for name, source in beside.items():
            if source and storage.exists(source):
                storage.concatenate("", [source], os.path.join(directory, name))
        storage.write_text(os.path.join(directory, REPORT_FILE), page)
        write_verdict(verdict, directory)


def update(verdict: Verdict, directory: str) -> None:
    """Writes `blessing.json` anew, and those parts of `report.html` that say what became of the model.

    Charts and photographs stay as the run drew them: what they were drawn from may lie where only its steps reach it.

    Args:
        verdict: of the run, with what has become of its model since.
        directory: where `write` wrote before.
    """
    path = os.path.join(directory, REPORT_FILE)
    page = storage.read_bytes(path).decode("utf-8")
    displayed = _displayed(verdict)
    anew = _render(verdict, displayed, drawings.none(displayed))
    for part in _PARTS_ABOUT_THE_MODEL:
        if (now := part.search(anew)) and (before := part.search(page)):
            page = page[: before.start()] + now.group() + page[before.end() :]
    if verdict.paths.model_card:
        storage.concatenate("", [verdict.paths.model_card], os.path.join(directory, MODEL_CARD_FILE))
    storage.write_text(path, page)
    write_verdict(verdict, directory)

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
from age.reporting import charts, environments, error_curves, for_whom, headline, reproduction, shown_predictions, thumbnails
from age.reporting.shown_predictions import ShownPredictions
from age.untrusted_text import harmless, harmless_throughout
from schemas import features
from schemas.verdict import ADEQUATE, BAD, BLESSING_FILE, EVALUATE, EVALUATION_FILE, NOT_ENOUGH, Paths, Slice, Verdict

REPORT_FILE = "report.html"
MODEL_CARD_FILE = "model_card.md"

_TEMPLATE = "page.html.j2"
_MAX_CHARTED_ATTRIBUTES = 8
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


def _by_feature(slices: list[Slice]) -> dict[str, list[Slice]]:
    grouped: dict[str, list[Slice]] = {}
    for entry in slices:
        grouped.setdefault(entry.feature, []).append(entry)
    return grouped


def _read_predictions(path: str | None) -> tuple[ShownPredictions | None, str | None]:
    """Returns the predictions, None where there are none, and what to say when they should be there and are not."""
    if not path:
        return None, None
    try:
        return shown_predictions.read(path), None
    except (OSError, ValueError, IndexError, csv.Error) as error:
        return None, f"The predictions can't be read ({harmless(str(error), 300)}): their charts are left out."


def _whole(verdict: Verdict) -> str:
    """Returns what all photographs that were measured on are called."""
    return "all photographs" if verdict.kind == EVALUATE else "whole test split"


def _charts(verdict: Verdict, predicted: ShownPredictions | None) -> dict[str, Any]:
    drawn: dict[str, Any] = {"slices": {}}
    metrics, training, data = verdict.metrics, verdict.training, verdict.data
    if metrics and metrics.mae is not None:
        drawn["context"] = charts.mae_in_context(
            metrics.mae,
            metrics.mae_interval,
            verdict.thresholds.max_mae,
            headline.compared_champion(verdict),
            verdict.constant_baseline,
        )
        largest = charts.largest_of_slices(verdict.slices, metrics)
        for place, (feature, slices) in enumerate(_by_feature(verdict.slices).items()):
            if place <= _MAX_CHARTED_ATTRIBUTES:
                drawn["slices"][feature] = charts.mae_by_slice(slices, metrics.mae, largest, f"slices{place}", _whole(verdict))
    if predicted and len(predicted.real_age):
        drawn["scatter"] = charts.predicted_against_real(predicted.real_age, predicted.predicted_age)
        histogram = error_curves.error_histogram(predicted.errors)
        drawn["errors"] = charts.error_distribution(histogram, float(predicted.errors.mean()))
        drawn["error_table"] = [
            (f"{low:+.0f} to {high:+.0f}", int(count))
            for low, high, count in zip(histogram.edges, histogram.edges[1:], histogram.counts)
        ]
        score = error_curves.cumulative_score(predicted.errors)
        drawn["cumulative"] = charts.cumulative_score(score)
        drawn["cumulative_table"] = list(zip(score.years, score.shares))
    if training and training.history.get("val_mae") and training.history.get("mae"):
        drawn["training"] = charts.training_curves(training.history, training.best_epoch)
    ages = {split: data.ages[split].histogram for split in features.SPLITS if split in data.ages}
    if ages:
        drawn["ages"] = charts.histograms_by_split(ages, "age, years", "ages")
    brightness = {split: data.brightness[split] for split in features.SPLITS if split in data.brightness}
    if brightness:
        drawn["brightness"] = charts.histograms_by_split(brightness, "mean brightness, 0 black to 1 white", "brightness")
    return {name: markupsafe.Markup(chart) if isinstance(chart, str) else chart for name, chart in drawn.items()} | {
        "slices": {feature: markupsafe.Markup(chart) for feature, chart in drawn["slices"].items()}
    }


def _no_faces(verdict: Verdict) -> dict[str, Any]:
    return {"allowed": verdict.setting("report.faces") is True, "problem": None, "by_sha256": {}, "across_ages": []}


def _faces(verdict: Verdict, predicted: ShownPredictions | None) -> dict[str, Any]:
    """Returns the thumbnails, or why there are none."""
    nothing = _no_faces(verdict)
    allowed = nothing["allowed"]
    if not allowed or not verdict.paths.examples:
        return nothing
    wanted = {row.sha256 for row in (*predicted.worst, *predicted.sample)} if predicted else set()
    try:
        cut = thumbnails.cut(verdict.paths.examples, wanted)
    except (OSError, ValueError) as error:
        return {**nothing, "problem": f"The photographs can't be shown: {harmless(str(error), 300)}"}
    return {**nothing, "by_sha256": cut.by_sha256, "across_ages": cut.across_ages}


def _with_published_paths(verdict: Verdict) -> Verdict:
    """Returns the verdict with paths as others know them; a step on Kubeflow reads copies."""
    paths = verdict.paths.model_dump(exclude_unset=True)
    published = Paths(**{name: path and storage.published_uri(path) for name, path in paths.items()})
    return verdict.model_copy(update={"paths": published})


def render(verdict: Verdict) -> str:
    """Returns the page of a verdict: one file that needs nothing else and asks for nothing.

    What a verdict lacks is left out, so that old ones can be shown too. Besides the verdict it reads the files that
    `paths.predictions` and `paths.examples` name.
    """
    predicted, predictions_problem = _read_predictions(verdict.paths.predictions)
    return _render(verdict, predicted, predictions_problem, _faces(verdict, predicted))


def _render(
    verdict: Verdict, predicted: ShownPredictions | None, predictions_problem: str | None, faces: dict[str, Any]
) -> str:
    displayed = shown(_with_published_paths(verdict))
    processes = environments.processes(displayed)
    made_with = environments.side_by_side(list(processes.values()))
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            verdict=displayed,
            headline=headline.headline(displayed),
            comparisons=headline.comparisons(displayed),
            slices=_by_feature(displayed.slices),
            evidence=_EVIDENCE,
            charts=_charts(displayed, predicted),
            predictions=predicted,
            predictions_problem=predictions_problem,
            faces=faces,
            whole=_whole(displayed),
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


def write(verdict: Verdict, *directories: str) -> None:
    """Writes `report.html`, `blessing.json`, `rejects.csv` and `model_card.md` of a verdict into each directory.

    Args:
        verdict: of a run.
        directories: created where they do not exist.
    """
    page = render(verdict)
    beside = {data_facts.REJECTS_FILE: verdict.paths.rejects, MODEL_CARD_FILE: verdict.paths.model_card}
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
    anew = _render(verdict, None, None, _no_faces(verdict))
    for part in _PARTS_ABOUT_THE_MODEL:
        if (now := part.search(anew)) and (before := part.search(page)):
            page = page[: before.start()] + now.group() + page[before.end() :]
    if verdict.paths.model_card:
        storage.concatenate("", [verdict.paths.model_card], os.path.join(directory, MODEL_CARD_FILE))
    storage.write_text(path, page)
    write_verdict(verdict, directory)

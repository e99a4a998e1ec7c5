"""Writes a verdict into a folder: `blessing.json` for programs and `report.html` for people."""

import csv
import json
import os
from typing import Any

import jinja2
import markupsafe

from age import storage
from age.dataset import data_facts
from age.reporting import charts, error_curves, headline, predictions, reproduction, thumbnails
from age.reporting.untrusted_text import plain, plain_throughout
from schemas import features, verdict

REPORT_FILE = "report.html"
MODEL_CARD_FILE = "model_card.md"

_TEMPLATE = "page.html.j2"
_MAX_CHARTED_ATTRIBUTES = 8
_VERBS = {verdict.RUN: "run", verdict.EXPLORE: "explore"}

_KEYS = {
    "kind": "run",
    "run_id": "",
    "blessed": None,
    "stopped_by": None,
    "reasons": [],
    "thresholds": {},
    "metrics": None,
    "mean_age_mae": None,
    "champion": None,
    "slices": [],
    "weakest_slices": [],
    "model_version": None,
    "data_fingerprint": None,
    "data": {},
    "stages": [],
    "paths": {},
    "training": None,
    "configuration": None,
    "versions": {},
    "created": None,
}
_DATA_KEYS = {
    "directory": None,
    "rows": 0,
    "used": 0,
    "rejected": 0,
    "duplicates": 0,
    "splits": {},
    "rejects": {},
    "reject_examples": [],
    "ages": {},
    "sizes": [],
    "brightness": {},
    "attributes": {},
    "anomalies": None,
}


def _with_every_key(content: dict[str, Any], keys: dict[str, Any]) -> dict[str, Any]:
    """Fills in what a verdict that is older than this page lacks."""
    known = {key: content[key] for key in keys if content.get(key) is not None}
    return {**content, **keys, **known}


def completed(made: dict[str, Any]) -> dict[str, Any]:
    """Returns a verdict with every key that the templates name, also where it was written before they knew of it."""
    whole = _with_every_key(made, _KEYS)
    whole["data"] = _with_every_key(whole["data"], _DATA_KEYS)
    return whole


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


_ENVIRONMENT_FILTERS = {
    "years": headline.years,
    "signed": _signed,
    "percent": _percent,
    "count": _count,
    "duration": _duration,
    "bytes": _bytes,
    "short": lambda text, limit=60: plain(str(text), limit),
}


def environment() -> jinja2.Environment:
    """Returns the environment of the page's templates; what is not marked as safe is escaped."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("age.reporting", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(_ENVIRONMENT_FILTERS)
    return made


def _by_feature(slices: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = {}
    for entry in slices:
        grouped.setdefault(entry["feature"], []).append(entry)
    return grouped


def _read_predictions(path: str | None):
    """Returns the predictions, None where there are none, and what to say when they should be there and are not."""
    if not path:
        return None, None
    try:
        return predictions.read(path), None
    except (OSError, ValueError, IndexError, csv.Error) as error:
        return None, f"The predictions can't be read ({plain(str(error), 300)}): their charts are left out."


def _charts(made: dict[str, Any], predicted: predictions.Predictions | None) -> dict[str, Any]:
    drawn: dict[str, Any] = {"slices": {}}
    metrics = made["metrics"]
    if metrics and metrics["mae"] is not None:
        champion = made["champion"]
        compared = champion if champion and champion["metrics"] and champion["metrics"]["mae"] is not None else None
        drawn["context"] = charts.mae_in_context(metrics, made["thresholds"].get("max_mae"), compared, made["mean_age_mae"])
        largest = charts.largest_of_slices(made["slices"], metrics)
        for place, (feature, slices) in enumerate(_by_feature(made["slices"]).items()):
            if place <= _MAX_CHARTED_ATTRIBUTES:
                drawn["slices"][feature] = charts.mae_by_slice(slices, metrics, largest, f"slices{place}")
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
    history = (made["training"] or {}).get("history") or {}
    if history.get("val_mae") and history.get("mae"):
        drawn["training"] = charts.training_curves(history, made["training"].get("best_epoch"))
    data = made["data"]
    in_splits = {split: data["ages"][split]["histogram"] for split in features.SPLITS if data["ages"].get(split)}
    if in_splits:
        drawn["ages"] = charts.histograms_by_split(in_splits, "age, years", "ages")
    brightness = {split: data["brightness"][split] for split in features.SPLITS if data["brightness"].get(split)}
    if brightness:
        drawn["brightness"] = charts.histograms_by_split(brightness, "mean brightness, 0 black to 1 white", "brightness")
    return {name: markupsafe.Markup(chart) if isinstance(chart, str) else chart for name, chart in drawn.items()} | {
        "slices": {feature: markupsafe.Markup(chart) for feature, chart in drawn["slices"].items()}
    }


def _faces(made: dict[str, Any], predicted: predictions.Predictions | None) -> dict[str, Any]:
    """Returns the thumbnails, or why there are none."""
    allowed = ((made["configuration"] or {}).get("report") or {}).get("faces") is True
    examples = made["paths"].get("examples")
    nothing = {"allowed": allowed, "problem": None, "by_sha256": {}, "across_ages": []}
    if not allowed or not examples:
        return nothing
    wanted = {row.sha256 for row in (*predicted.worst, *predicted.sample)} if predicted else set()
    try:
        cut = thumbnails.cut(examples, wanted)
    except (OSError, ValueError) as error:
        return {**nothing, "problem": f"The photographs can't be shown: {plain(str(error), 300)}"}
    return {**nothing, "by_sha256": cut.by_sha256, "across_ages": cut.across_ages}


def _published(paths: dict[str, str | None]) -> dict[str, str | None]:
    """Returns paths as others know them; a step on Kubeflow reads copies."""
    return {name: path and storage.published_uri(path) for name, path in paths.items()}


def render(made: dict[str, Any]) -> str:
    """Returns the page of a verdict: one file that needs nothing else and asks for nothing.

    What a verdict lacks is left out, so that old ones can be shown too. Besides the verdict it reads the files that
    `paths.predictions` and `paths.examples` name.

    Args:
        made: a verdict as `blessing.json` holds it.
    """
    raw = completed(made)
    predicted, predictions_problem = _read_predictions(raw["paths"].get("predictions"))
    faces = _faces(raw, predicted)
    shown = plain_throughout({**raw, "paths": _published(raw["paths"])})
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            verdict=shown,
            headline=headline.headline(shown),
            comparisons=headline.comparisons(shown),
            slices=_by_feature(shown["slices"]),
            charts=_charts(shown, predicted),
            predictions=predicted,
            predictions_problem=predictions_problem,
            faces=faces,
            max_points=charts.MAX_POINTS,
            per_decade=thumbnails.PER_DECADE,
            reproduce=reproduction.command(raw["configuration"], _VERBS.get(raw["kind"], "run"))
            if raw["configuration"]
            else None,
            splits=features.SPLITS,
            decade=features.AGE_DECADE,
            rejects_file=data_facts.REJECTS_FILE if raw["paths"].get("rejects") else None,
            model_card_file=MODEL_CARD_FILE if raw["paths"].get("model_card") else None,
            blessing_file=verdict.BLESSING_FILE,
        )
    )


def write(made: dict[str, Any], *directories: str) -> None:
    """Writes `report.html`, `blessing.json`, `rejects.csv` and `model_card.md` of a verdict into each directory.

    Args:
        made: the verdict.
        directories: made where they do not exist.
    """
    page = render(json.loads(verdict.to_json(made)))
    content = verdict.to_json({**made, "paths": _published(made["paths"])})
    beside = {
        data_facts.REJECTS_FILE: made["paths"].get("rejects"),
        MODEL_CARD_FILE: made["paths"].get("model_card"),
    }
    for directory in directories:
        storage.make_directory(directory)
        for name, source in beside.items():
            if source and storage.exists(source):
                storage.concatenate("", [source], os.path.join(directory, name))
        storage.write_text(os.path.join(directory, REPORT_FILE), page)
        storage.write_text(os.path.join(directory, verdict.BLESSING_FILE), content)

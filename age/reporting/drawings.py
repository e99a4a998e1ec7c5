"""Draws the charts of a report and cuts its photographs, and remembers both: a run that changed nothing draws nothing anew."""

import hashlib
import json
from collections.abc import Set
from typing import Any

import pydantic

from age import code_digest, storage
from age.reporting import charts, error_curves, headline, thumbnails, trials_chart
from age.reporting.shown_predictions import ShownPredictions
from age.untrusted_text import harmless
from schemas import features
from schemas.verdict import EVALUATE, Slice, Verdict

MEMORY_FILE = ".drawings.json"
"""In the folder that has one for each run: what the last report drew."""

_MAX_CHARTED_ATTRIBUTES = 8
_NEW_IN_EACH_RUN = {"run_id", "created", "stages", "paths"}
_LIBRARIES = ("matplotlib", "tensorflow")


class Faces(pydantic.BaseModel):
    """The photographs that a report shows.

    Attributes:
        allowed: whether it may show any.
        problem: why they can't be shown, in a sentence; None where they can.
        by_sha256: thumbnails of those that were asked for, as `data:` addresses.
        across_ages: some of every age, youngest first.
    """

    allowed: bool
    problem: str | None = None
    by_sha256: dict[str, str] = {}
    across_ages: list[thumbnails.Face] = []


class Drawings(pydantic.BaseModel):
    """What a report shows beside its text.

    Attributes:
        charts: by name, an SVG element, or the rows of the table that says the same in numbers; those that nothing is known for are
            missing.
        charts_of_slices: an SVG element by the feature that is sliced on.
        faces: the photographs.
    """

    charts: dict[str, Any]
    charts_of_slices: dict[str, str]
    faces: Faces


class _Remembered(pydantic.BaseModel):
    """What the file holds: the last drawings, and a hash over all that they were made from."""

    made_from: str
    drawings: Drawings


def none(verdict: Verdict) -> Drawings:
    """Returns the drawings of a report that has none."""
    return Drawings(charts={}, charts_of_slices={}, faces=Faces(allowed=_may_show_faces(verdict)))


def make(verdict: Verdict, predicted: ShownPredictions | None, examples: str | None, memory: str | None = None) -> Drawings:
    """Returns the drawings of a report, the remembered ones where they were made from the same.

    Args:
        verdict: every text in it fit to be shown.
        predicted: what the model answered, where that is known.
        examples: directory of the examples.
        memory: path of a file that keeps the last drawings; None to keep none. Like the report it may hold photographs.
    """
    made_from = _made_from(verdict, predicted, examples) if memory else ""
    if memory and (remembered := _read(memory)) and remembered.made_from == made_from:
        return remembered.drawings
    drawn, of_slices = _charts(verdict, predicted)
    drawings = Drawings(charts=drawn, charts_of_slices=of_slices, faces=_faces(verdict, predicted, examples))
    if memory and not drawings.faces.problem:
        storage.write_text(memory, _Remembered(made_from=made_from, drawings=drawings).model_dump_json())
    return drawings


def _read(memory: str) -> _Remembered | None:
    try:
        return _Remembered.model_validate_json(storage.read_bytes(memory))
    except (OSError, ValueError):
        return None


def _made_from(verdict: Verdict, predicted: ShownPredictions | None, examples: str | None) -> str:
    """Returns a hash over all that the drawings depend on; what a verdict says of its run alone is left out."""
    arrays = [predicted.real_age, predicted.predicted_age] if predicted else []
    what = {
        "verdict": verdict.model_dump_json(exclude=_NEW_IN_EACH_RUN),
        "predictions": [hashlib.sha256(array.tobytes()).hexdigest() for array in arrays],
        "photographs": sorted(_wanted(predicted)),
        "examples": [storage.published_uri(examples), *storage.list_tree(examples)] if examples else None,
        "code": code_digest.of(__name__, libraries=_LIBRARIES),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def slices_by_feature(slices: list[Slice]) -> dict[str, list[Slice]]:
    grouped: dict[str, list[Slice]] = {}
    for entry in slices:
        grouped.setdefault(entry.feature, []).append(entry)
    return grouped


def whole(verdict: Verdict) -> str:
    """Returns what all photographs that were measured on are called."""
    return "all photographs" if verdict.kind == EVALUATE else "whole test split"


def _charts(verdict: Verdict, predicted: ShownPredictions | None) -> tuple[dict[str, Any], dict[str, str]]:
    drawn: dict[str, Any] = {}
    of_slices: dict[str, str] = {}
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
        for place, (feature, slices) in enumerate(slices_by_feature(verdict.slices).items()):
            if place <= _MAX_CHARTED_ATTRIBUTES:
                of_slices[feature] = charts.mae_by_slice(slices, metrics.mae, largest, f"slices{place}", whole(verdict))
    if verdict.robustness:
        drawn["robustness"] = charts.mae_on_photographs_made_worse(verdict.robustness)
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
    if training and training.search and (of_trials := trials_chart.parallel_coordinates(training.search)):
        drawn["trials"] = of_trials
    ages = {split: data.ages[split].histogram for split in features.SPLITS if split in data.ages}
    if ages:
        drawn["ages"] = charts.histograms_by_split(ages, "age, years", "ages")
    brightness = {split: data.brightness[split] for split in features.SPLITS if split in data.brightness}
    if brightness:
        drawn["brightness"] = charts.histograms_by_split(brightness, "mean brightness, 0 black to 1 white", "brightness")
    return drawn, of_slices


def _may_show_faces(verdict: Verdict) -> bool:
    return verdict.setting("report.faces") is True


def _wanted(predicted: ShownPredictions | None) -> Set[str]:
    return {row.sha256 for row in (*predicted.worst, *predicted.sample)} if predicted else set()


def _faces(verdict: Verdict, predicted: ShownPredictions | None, examples: str | None) -> Faces:
    """Returns the thumbnails, or why there are none."""
    allowed = _may_show_faces(verdict)
    if not allowed or not examples:
        return Faces(allowed=allowed)
    try:
        cut = thumbnails.cut(examples, _wanted(predicted))
    except (OSError, ValueError) as error:
        return Faces(allowed=allowed, problem=f"The photographs can't be shown: {harmless(str(error), 300)}")
    return Faces(allowed=allowed, by_sha256=cut.by_sha256, across_ages=cut.across_ages)

"""Past runs as tables: the list of them, one in detail, two side by side.

In a terminal rich draws the tables in its width and colours (NO_COLOR is honoured); elsewhere they are aligned plain text as
wide as need be.
"""

import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from age import storage
from age.serving.serving_directory import ServingDirectory
from age.untrusted_text import harmless, harmless_lines
from pipeline.terminal.past_runs import PastRun
from pipeline.terminal.run_display import duration
from pipeline.terminal.verdict_text import interval, verdict_text, years
from schemas.bad_input import BadInput
from schemas.verdict import AWAITING_APPROVAL, EXPLORE, PENDING, Metrics, Slice, Training, Verdict

_WIDE_ENOUGH = 4000
_ROOM_FOR_DATES = 84
_MISSING = "-"
_SHOWN_LENGTH = 60
_METRICS = (
    ("MAE, years", "mae", 1),
    ("RMSE, years", "rmse", 1),
    ("bias, years", "bias", 1),
    ("within 5 years, %", "within_5_years", 100),
)


class Page:
    """Prints tables and lines on standard output as it is."""

    def __init__(self):
        self._in_terminal = sys.stdout.isatty()
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="backslashreplace")
        self._console = Console(highlight=False, markup=False, emoji=False, width=None if self._in_terminal else _WIDE_ENOUGH)

    @property
    def width(self) -> int:
        """Columns of the terminal; more than enough elsewhere."""
        return self._console.width

    def say(self, text: str, style: str = "") -> None:
        """Prints lines, made harmless."""
        self._console.print(Text(harmless_lines(text), style=style), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], styles: list[str] | None = None) -> None:
        """Prints a table, its cells made harmless.

        Args:
            columns: the headings; one that begins with `>` is of numbers, which are set flush right.
            rows: the cells.
            styles: of each row's second cell, as rich names them.
        """
        rows = list(rows)
        # A column that nobody filled is left out.
        kept = [place for place in range(len(columns)) if not rows or any(row[place] not in ("", _MISSING) for row in rows)]
        table = Table(box=box.SIMPLE_HEAD if self._in_terminal else None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in (columns[place] for place in kept):
            right = heading.startswith(">")
            table.add_column(
                Text(harmless(heading.lstrip(">"))), justify="right" if right else "left", no_wrap=right, overflow="fold"
            )
        for number, row in enumerate(rows):
            cells = [Text(harmless(row[place])) for place in kept]
            if styles:
                cells[1].stylize(styles[number])
            table.add_row(*cells)
        with self._console.capture() as captured:
            self._console.print(table)
        print("\n".join(line.rstrip() for line in captured.get().splitlines()).strip("\n"))


def outcome(run: PastRun) -> tuple[str, str]:
    """Returns the verdict in two words, and its style."""
    if run.problem:
        return "no verdict", "magenta"
    stopped_by = run.verdict.stopped_by
    if run.verdict.kind == EXPLORE:
        return (f"explored: {stopped_by} would stop a run", "yellow") if stopped_by else ("explored", "cyan")
    if stopped_by:
        return f"stopped by {stopped_by}", "yellow"
    if run.verdict.push == PENDING:
        return "blessed, push unfinished", "magenta"
    if run.verdict.push == AWAITING_APPROVAL:
        return "blessed, waiting for approval", "yellow"
    return ("blessed", "green") if run.verdict.blessed else ("not blessed", "red")


def _unfinished(run: PastRun, later: Sequence[PastRun], workdir: str) -> str:
    """Says of a run that wrote its verdict and no more what became of its model."""
    serving_dir = run.verdict.setting("serving.dir") or os.path.join(workdir, "serving", "age")
    said = f"{run.name}: the verdict was written and the report was not: the run is going on, or it died."
    if storage.is_remote(serving_dir):
        return (
            f"{said} Whether its model was pushed, age-pipeline serving history tells. Run it again: the rest is made up for."
        )
    try:
        events = ServingDirectory(serving_dir).events()
    except BadInput as error:
        return f"{said} {error}"
    event = next((one for one in reversed(events) if one.run == run.name and one.what == "published"), None)
    if event is None:
        return f"{said} Nothing was pushed. Run it again: the rest is made up for."
    mended = next((one for one in later if one.verdict.model_version == str(event.version)), None)
    if mended is None:
        return f"{said} Its model was pushed as version {event.version}. Run it again: the rest is made up for."
    return f"{said} Its model was pushed as version {event.version}, of which {mended.name} reports."


def _mae(run: PastRun) -> str:
    mae = _metrics(run).mae
    return _MISSING if mae is None else years(mae)


def _metrics(run: PastRun) -> Metrics:
    """Returns what was measured; nothing but gaps where there was no model."""
    return run.verdict.metrics or Metrics()


def _training(run: PastRun) -> Training:
    return run.verdict.training or Training()


def _shown_count(value: int | None) -> object:
    return _MISSING if value is None else value


def print_list(runs: list[PastRun], workdir: str) -> None:
    """Prints one line for each run, the newest last, and a sentence for each that can't be read."""
    page = Page()
    if not runs:
        page.say(f"{workdir}: no runs there yet.")
        return
    verdicts = [outcome(run) for run in runs]
    rows = [(run.name, verdict, _mae(run), run.took(), run.finished()) for run, (verdict, _) in zip(runs, verdicts)]
    columns = ("run", "verdict", ">MAE, years", ">duration", "finished (UTC)")
    shown = len(columns) if page.width >= _ROOM_FOR_DATES else len(columns) - 1
    page.table(columns[:shown], [row[:shown] for row in rows], [style for _, style in verdicts])
    for place, run in enumerate(runs):
        if run.problem:
            page.say(run.problem)
        elif run.verdict.push == PENDING:
            page.say(_unfinished(run, runs[place + 1 :], workdir))


def _slice_rows(slices: list[Slice]) -> Iterable[Sequence[object]]:
    for entry in slices:
        within = entry.within_5_years
        yield (
            entry.feature,
            entry.value or "(blank)",
            years(entry.mae),
            interval(entry) or _MISSING,
            years(entry.bias),
            _MISSING if within is None else f"{100 * within:.0f}",
            _shown_count(entry.example_count),
            "few photographs" if entry.small else "",
        )


def _say_slices(page: Page, verdict: Verdict) -> None:
    if verdict.slices:
        page.say("\nErrors by slice", style="bold")
        page.table(
            ("slice", "value", ">MAE, years", "confidence interval", ">bias", ">within 5 years, %", ">photographs", ""),
            _slice_rows(verdict.slices),
        )


def print_evaluation(verdict: Verdict) -> None:
    """Prints what was found of a model on other data than its own: the error, and that of each slice."""
    page = Page()
    page.say(verdict_text(verdict))
    _say_slices(page, verdict)


def print_details(run: PastRun) -> None:
    """Prints a run: its verdict, the error of each slice, and what its stages took."""
    page, verdict = Page(), run.verdict
    page.say(f"Run {run.name}, finished {run.finished()} UTC", style="bold")
    page.say(verdict_text(verdict))
    _say_slices(page, verdict)
    training = _training(run)
    if training.members:
        page.say(
            f"\nTraining: {len(training.members)} networks, validation MAE of their mean {years(training.validation_mae)} years, "
            f"of each alone {', '.join(years(member.validation_mae) for member in training.members)}"
        )
    elif training.best_epoch is not None:
        stages = f" in {len(training.stage_epochs)} stages" if training.stage_epochs else ""
        page.say(
            f"\nTraining: {_shown_count(training.epochs_run)} epochs{stages}, best validation MAE "
            f"{years(training.validation_mae)} years in epoch {training.best_epoch}"
        )
    if verdict.stages:
        page.say("\nStages", style="bold")
        page.table(
            ("stage", ">took"),
            [
                (
                    stage.name,
                    "from the cache" if stage.cached else _MISSING if stage.seconds is None else duration(stage.seconds),
                )
                for stage in verdict.stages
            ],
        )


def _difference(first: float | None, second: float | None) -> str:
    return _MISSING if first is None or second is None else f"{second - first:+.2f}"


def _number(value: float | None) -> str:
    return _MISSING if value is None else f"{value:.2f}"


def _metric_rows(first: PastRun, second: PastRun) -> list[Sequence[object]]:
    metrics, trainings = [_metrics(run) for run in (first, second)], [_training(run) for run in (first, second)]
    rows: list[Sequence[object]] = [("verdict", outcome(first)[0], outcome(second)[0], "")]
    for heading, name, factor in _METRICS:
        measured = [getattr(one, name) for one in metrics]
        values = [None if value is None else factor * value for value in measured]
        rows.append((heading, *map(_number, values), _difference(*values)))
    if any(interval(one) for one in metrics):
        rows.insert(2, ("  confidence interval", *(interval(one) or _MISSING for one in metrics), ""))
    rows.append(("test photographs", *(_shown_count(one.example_count) for one in metrics), ""))
    values = [training.validation_mae for training in trainings]
    rows.append(("validation MAE, years", *map(_number, values), _difference(*values)))
    rows.append(("epochs", *(_shown_count(training.epochs_run) for training in trainings), ""))
    rows.append(("rows used", *(run.verdict.data.used for run in (first, second)), ""))
    rows.append(("duration", first.took(), second.took(), ""))
    rows.append(("finished (UTC)", first.finished(), second.finished(), ""))
    return rows


def _in_natural_order(named: tuple[str, str]) -> tuple[str, int, str]:
    """Sorts 5-9 before 10-19."""
    feature, value = named
    number = re.match(r"[0-9]{1,9}", value)
    return feature, int(number.group()) if number else -1, value


def _compared_slices(first: PastRun, second: PastRun) -> list[Sequence[object]]:
    by_slice = [{(entry.feature, entry.value): entry for entry in run.verdict.slices} for run in (first, second)]
    rows: list[Sequence[object]] = []
    for feature, value in sorted({**by_slice[0], **by_slice[1]}, key=_in_natural_order):
        entries = [slices.get((feature, value), Slice(feature=feature, value=value)) for slices in by_slice]
        maes = [entry.mae for entry in entries]
        rows.append(
            (
                f"{feature}={value or '(blank)'}",
                *map(_number, maes),
                _difference(*maes),
                " and ".join(str(_shown_count(entry.example_count)) for entry in entries),
                "few photographs" if any(entry.small for entry in entries) else "",
            )
        )
    return rows


def _flat(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict) or (not values and prefix):
        return {prefix: values}
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat.update(_flat(value, f"{prefix}.{key}" if prefix else str(key)))
    return flat


def _shown(values: dict[str, Any], key: str) -> str:
    if key not in values:
        return _MISSING
    value = values[key]
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN_LENGTH else "..." + text[3 - _SHOWN_LENGTH :]


def _made_with(run: PastRun) -> dict[str, Any]:
    """Returns what the model was trained with; versions of libraries alone where no more is known."""
    environment = _training(run).environment
    if environment is None:
        return run.verdict.versions
    return {**environment.versions, **environment.model_dump(exclude={"versions"}, exclude_none=True)}


def _differing(first: Any, second: Any) -> list[Sequence[str]]:
    sides = _flat(first or {}), _flat(second or {})
    keys = {**sides[0], **sides[1]}
    absent = object()
    return [
        (key, _shown(sides[0], key), _shown(sides[1], key))
        for key in keys
        if sides[0].get(key, absent) != sides[1].get(key, absent)
    ]


def print_comparison(first: PastRun, second: PastRun) -> None:
    """Prints two runs side by side: metrics, slices, and where configuration and libraries differ."""
    page = Page()
    names = first.name, second.name
    page.table(("", *names, ">difference"), _metric_rows(first, second))
    fingerprints = [run.verdict.data_fingerprint for run in (first, second)]
    if all(fingerprints):
        same = fingerprints[0] == fingerprints[1]
        page.say(
            "\nBoth saw the same photographs and labels."
            if same
            else "\nThey saw different photographs or labels, so part of a difference in errors comes from the data."
        )
    slices = _compared_slices(first, second)
    if slices:
        page.say("\nMAE by slice, years", style="bold")
        page.table(("slice", *(f">{name}" for name in names), ">difference", "photographs", ""), slices)
    for heading, sides in (
        ("Configuration", (first.verdict.configuration, second.verdict.configuration)),
        ("Library versions", (_made_with(first), _made_with(second))),
    ):
        rows = _differing(*sides)
        page.say(f"\n{heading}{' that differs' if rows else ': no difference'}", style="bold" if rows else "")
        if rows:
            page.table(("", *names), rows)

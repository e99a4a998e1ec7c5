"""The trials of a search as parallel coordinates: a line for each, through its values to its error."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from age.reporting import svg, trials
from age.untrusted_text import harmless
from schemas.verdict import Search, Trial

_MOST_AXES = 6
_FACTOR_OF_A_LOG_AXIS = 20
_NAME_CHARACTERS = 12


class _Axis:
    """Where values lie between the bottom of the chart, 0, and its top, 1: numbers by size, others by name."""

    def __init__(self, values: Sequence[Any]):
        self._numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
        self._names = sorted({trials.shown(value) for value in values})
        if self._numbers:
            self._low, self._high = min(values), max(values)
            self._log = self._low > 0 and self._high >= _FACTOR_OF_A_LOG_AXIS * self._low

    def place(self, value: Any) -> float:
        """Returns the height of a value."""
        if not self._numbers:
            return (self._names.index(trials.shown(value)) + 0.5) / len(self._names)
        if self._low == self._high:
            return 0.5
        low, high, at = (np.log([self._low, self._high, value]) if self._log else (self._low, self._high, value)).__iter__()
        return float((at - low) / (high - low))

    def labels(self) -> list[tuple[float, str]]:
        """Returns what is written beside the axis, and where."""
        if not self._numbers:
            return [(self.place(name), harmless(name, _NAME_CHARACTERS)) for name in self._names]
        return [(self.place(value), trials.shown(value)) for value in dict.fromkeys((self._low, self._high))]


def parallel_coordinates(search: Search) -> str | None:
    """Draws the trials; None where there are fewer than two with an error.

    Args:
        search: the trials. Of more than six hyperparameters, the first six are drawn.
    """
    drawn = [trial for trial in search.trials if trial.validation_mae is not None]
    names = [key for key in trials.keys(search) if len({trials.shown(trial.values.get(key)) for trial in drawn}) > 1][
        :_MOST_AXES
    ]
    if len(drawn) < 2 or not names:
        return None
    columns = [*([trial.values[key] for trial in drawn] for key in names), [trial.validation_mae for trial in drawn]]
    axes = [_Axis(column) for column in columns]
    best = next((trial for trial in drawn if trial.number == search.best), None)
    label = (
        f"{len(drawn)} trials, each a line through its hyperparameters to its validation MAE; the table below has the numbers"
    )
    with svg.drawing("trials", label, 3.4) as chart:
        plot = chart.figure.subplots()
        # What matters is drawn last.
        for trial in sorted(drawn, key=lambda trial: (trial is best, trial.status == "finished")):
            heights = [axis.place(column[drawn.index(trial)]) for axis, column in zip(axes, columns)]
            plot.plot(range(len(axes)), heights, gid=f"trial_{trial.number}_", **_line(trial, trial is best))
        for place, axis in enumerate(axes):
            plot.axvline(place, color=svg.MUTED, linewidth=1)
            for height, text in axis.labels():
                box = {"facecolor": svg.PAGE, "edgecolor": "none", "pad": 1, "alpha": 0.85}
                plot.annotate(text, (place, height), (3, 0), textcoords="offset points", va="center", fontsize=9, bbox=box)
        plot.set_xticks(range(len(axes)), [*(_on_lines(name) for name in names), "validation\nMAE, years"], fontsize=9)
        plot.set_xlim(-0.2, len(axes) - 0.6)
        plot.set_ylim(-0.05, 1.05)
        plot.set_yticks([])
        plot.grid(visible=False)
        for side in ("left", "bottom"):
            plot.spines[side].set_visible(False)
        if best:
            plot.set_title(f"━ best: trial {best.number + 1}, {best.validation_mae:.2f} years", color=svg.SECOND)
    return chart.svg


def _line(trial: Trial, is_best: bool) -> dict[str, Any]:
    if is_best:
        return {"color": svg.SECOND, "linewidth": 2.5}
    if trial.status == "finished":
        return {"color": svg.FIRST, "linewidth": 1.2, "alpha": 0.7}
    return {"color": svg.MUTED, "linewidth": 1, "alpha": 0.7, "linestyle": (0, (3, 2))}


def _on_lines(key: str) -> str:
    return harmless(key.removeprefix("trainer."), 40).replace("_", "\n").replace(".", ".\n")

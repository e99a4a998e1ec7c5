"""The charts of the report, each as an `<svg>` element; all ages and errors are in years."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from age.reporting import error_curves, svg
from age.untrusted_text import harmless
from schemas import features
from schemas.verdict import ConstantBaseline, Histogram, Interval, Metrics, Robustness, Slice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_POINTS = 2000
"""Points of the scatter; more would be one blot, and the page too large."""

_SEED = 0
_ROW_HEIGHT = 0.27
_LABEL_CHARACTERS = 18
_SLICES_LEFT, _SLICES_RIGHT, _ABOVE, _BELOW = 0.29, 0.78, 0.3, 0.5


def _number(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _rows_below_each_other(axes: "Axes", labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.spines["left"].set_visible(False)


def mae_in_context(
    mae: float,
    interval: Interval | None,
    max_mae: float | None,
    champion: tuple[int, float] | None,
    baseline: ConstantBaseline | None,
) -> str:
    """Draws the MAE with its interval against what is allowed, the champion's, and that of always saying one age.

    Args:
        mae: of the candidate, years.
        interval: its confidence interval.
        max_mae: the largest that is allowed, years.
        champion: version and MAE.
        baseline: of always saying one age.
    """
    rows = [("this model", mae, interval)]
    if champion:
        version, mae_of_champion = champion
        rows.append((f"version {version}, served", mae_of_champion, None))
    if baseline and baseline.mae is not None:
        rows.append((f"always the {baseline.answer} age", baseline.mae, None))
    label = "MAE in years: " + "; ".join(f"{name} {mae:.2f}" for name, mae, _ in rows)
    label += f"; allowed is at most {max_mae:g}" if max_mae is not None else ""
    with svg.drawing("context", label, 0.95 + 0.3 * len(rows)) as chart:
        axes = chart.figure.subplots()
        for place, (_, mae, interval) in enumerate(rows):
            _mae_with_interval(axes, place, mae, interval, small=False)
            right = interval.high if interval else mae
            axes.annotate(
                f"{mae:.2f}",
                (right, place),
                (6, 0),
                textcoords="offset points",
                va="center",
                bbox={"facecolor": svg.PAGE, "edgecolor": "none", "pad": 1},
            )
        largest = max([mae for _, mae, _ in rows] + [interval.high for _, _, interval in rows if interval])
        if max_mae is not None:
            _allowed(axes, max_mae)
            axes.set_title(f"┆ at most {max_mae:g} allowed", color=svg.SECOND)
        axes.set_xlim(0, 1.12 * max(largest, max_mae or 0))
        axes.locator_params(axis="x", integer=True)
        _rows_below_each_other(axes, [name for name, _, _ in rows])
        axes.set_xlabel("mean absolute error, years")
    return chart.svg


def _mae_with_interval(axes: "Axes", place: int, mae: float, interval: Interval | None, small: bool) -> None:
    if interval:
        axes.plot([interval.low, interval.high], [place, place], color=svg.FIRST, linewidth=2, solid_capstyle="butt")
    axes.plot(
        [mae],
        [place],
        marker="o",
        markersize=6.5,
        color=svg.MUTED if small else svg.FIRST,
        markerfacecolor=svg.PAGE if small else svg.FIRST,
        linestyle="none",
        gid=f"mae_of_row_{place}_",
    )


def _allowed(axes: "Axes", max_mae: float) -> None:
    axes.axvline(max_mae, color=svg.SECOND, linewidth=1.5, linestyle=(0, (2, 2)))


def largest_of_slices(slices: list[Slice], metrics: Metrics) -> float:
    """Returns the end of the scale on which all slices are drawn, years."""
    ends = [entry.mae for entry in [metrics, *slices] if entry.mae is not None]
    ends += [entry.mae_interval.high for entry in slices if entry.mae_interval]
    return 1.05 * max(ends)


def mae_by_slice(slices: list[Slice], mae: float, largest: float, name: str, whole: str = "whole test split") -> str:
    """Draws the MAE of each slice of a feature, with its interval and number of photographs.

    A small slice is drawn hollow, without an interval.

    Args:
        slices: of the verdict, one feature.
        mae: of all photographs, years.
        largest: end of the scale.
        name: of the drawing.
        whole: what all photographs are called.
    """
    feature = "decade of age" if slices[0].feature == features.AGE_DECADE else harmless(slices[0].feature, 40)
    height = _ABOVE + _ROW_HEIGHT * len(slices) + _BELOW
    label = f"MAE by {feature}; the table below has the numbers"
    # Room for the names and numbers is set by hand: with axes of one width, lengths can be compared between charts.
    with svg.drawing(name, label, height, layout=None) as chart:
        axes = chart.figure.subplots()
        chart.figure.subplots_adjust(_SLICES_LEFT, _BELOW / height, _SLICES_RIGHT, 1 - _ABOVE / height)
        axes.axvline(mae, color=svg.MUTED, linewidth=1.2)
        for place, entry in enumerate(slices):
            if entry.mae is not None:
                _mae_with_interval(axes, place, entry.mae, entry.mae_interval, entry.small)
            axes.annotate(
                f"n = {_number(entry.example_count)}" + (", small" if entry.small else ""),
                (1.02, place),
                xycoords=axes.get_yaxis_transform(),
                va="center",
                color=svg.MUTED,
            )
        axes.set_xlim(0, largest)
        _rows_below_each_other(axes, [harmless(entry.value or "(blank)", _LABEL_CHARACTERS) for entry in slices])
        axes.set_title(f"│ {whole}: {mae:.2f}", color=svg.MUTED)
        axes.set_xlabel("mean absolute error, years")
    return chart.svg


def mae_on_photographs_made_worse(robustness: Robustness) -> str:
    """Draws the MAE on photographs made worse in every way with its interval, against that of the same ones as they are.

    A ceiling is a tick on the row that it holds for.

    Args:
        robustness: of the verdict.
    """
    rows = robustness.corrupted
    height = _ABOVE + _ROW_HEIGHT * len(rows) + _BELOW
    with svg.drawing("robustness", "MAE on photographs made worse; the table has the numbers", height, layout=None) as chart:
        axes = chart.figure.subplots()
        chart.figure.subplots_adjust(_SLICES_LEFT, _BELOW / height, 0.97, 1 - _ABOVE / height)
        unchanged = robustness.unchanged.mae
        if unchanged is not None:
            axes.axvline(unchanged, color=svg.MUTED, linewidth=1.2)
            axes.set_title(f"│ as they are: {unchanged:.2f}", color=svg.MUTED)
        for place, entry in enumerate(rows):
            if entry.mae is not None:
                _mae_with_interval(axes, place, entry.mae, entry.mae_interval, small=False)
            if entry.ceiling is not None:
                axes.plot([entry.ceiling] * 2, [place - 0.35, place + 0.35], color=svg.SECOND, linewidth=1.5)
        ends = [unchanged, *(entry.mae for entry in rows), *(entry.ceiling for entry in rows)]
        ends += [entry.mae_interval.high for entry in rows if entry.mae_interval]
        axes.set_xlim(0, 1.05 * max([end for end in ends if end is not None], default=1))
        _rows_below_each_other(axes, [entry.name.replace("_", " ") for entry in rows])
        axes.set_xlabel("mean absolute error, years")
    return chart.svg


def predicted_against_real(real_age: npt.NDArray[np.float64], predicted_age: npt.NDArray[np.float64]) -> str:
    """Draws predicted against real age with the line on which both are equal; a random `MAX_POINTS` of them at most."""
    chosen: npt.NDArray[np.int64] = np.arange(len(real_age))
    if len(chosen) > MAX_POINTS:
        chosen = np.random.default_rng(_SEED).choice(len(real_age), MAX_POINTS, replace=False)
    low = min(0, np.floor(min(real_age.min(), predicted_age.min()) / 10) * 10)
    high = np.ceil(max(real_age.max(), predicted_age.max(), 10) / 10) * 10
    label = f"Predicted against real age of {_number(len(chosen))} photographs"
    with svg.drawing("scatter", label, svg.WIDTH * 0.86) as chart:
        axes = chart.figure.subplots()
        axes.plot([low, high], [low, high], color=svg.SECOND, linewidth=1.5, linestyle=(0, (4, 2)))
        axes.plot(
            real_age[chosen],
            predicted_age[chosen],
            linestyle="none",
            marker="o",
            markersize=4,
            markeredgewidth=0,
            color=svg.FIRST,
            alpha=0.45,
            gid="points",
        )
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
        axes.set_xlabel("real age, years")
        axes.set_ylabel("predicted age, years")
    return chart.svg


def error_distribution(histogram: error_curves.Histogram, bias: float) -> str:
    """Draws how many photographs have which error, predicted minus real age."""
    with svg.drawing("errors", f"Distribution of errors; the mean is {bias:+.2f} years", 3.1) as chart:
        axes = chart.figure.subplots()
        axes.stairs(histogram.counts, histogram.edges, fill=True, color=svg.FIRST, alpha=0.75, gid="bars")
        axes.axvline(0, color=svg.INK, linewidth=1)
        axes.axvline(bias, color=svg.SECOND, linewidth=1.5, linestyle=(0, (4, 2)))
        axes.set_title(f"┆ mean error {bias:+.2f} years", color=svg.SECOND)
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="y", integer=True)
        axes.grid(axis="x", visible=False)
        axes.set_xlabel("predicted minus real age, years")
        axes.set_ylabel("photographs")
    return chart.svg


def cumulative_score(score: error_curves.CumulativeScore) -> str:
    """Draws which share of the photographs is predicted within so many years."""
    percent = [100 * share for share in score.shares]
    label = f"Cumulative score: {percent[5]:.1f} % within 5 years, {percent[10]:.1f} % within 10 years"
    with svg.drawing("cumulative", label, 3.1) as chart:
        axes = chart.figure.subplots()
        axes.plot(score.years, percent, color=svg.FIRST, linewidth=2, marker="o", markersize=3.5)
        for years in (5, 10):
            axes.annotate(
                f"{percent[years]:.0f} % within {years}", (years, percent[years]), (8, -12), textcoords="offset points"
            )
        axes.set_xlim(0, score.years[-1])
        axes.set_xticks(range(0, score.years[-1] + 1, 5))
        axes.set_ylim(0, 100)
        axes.set_xlabel("absolute error at most, years")
        axes.set_ylabel("photographs, %")
    return chart.svg


def training_curves(history: Mapping[str, Sequence[float | None]], best_epoch: int | None) -> str:
    """Draws the MAE on training and validation split after each epoch, and marks the best epoch."""
    epochs = range(1, len(history["val_mae"]) + 1)
    with svg.drawing("training", "MAE by epoch on the training and validation split", 3.1) as chart:
        axes = chart.figure.subplots()
        if best_epoch:
            axes.axvline(best_epoch, color=svg.MUTED, linewidth=1.2)
            axes.set_title(f"│ best epoch: {best_epoch}", color=svg.MUTED)
        axes.plot(
            epochs,
            np.asarray(history["mae"], float),
            color=svg.SECOND,
            marker="s",
            markersize=4,
            linestyle="--",
            label="training",
        )
        axes.plot(
            epochs, np.asarray(history["val_mae"], float), color=svg.FIRST, marker="o", markersize=4.5, label="validation"
        )
        axes.set_ylim(bottom=0)
        axes.set_xlim(0.5, len(epochs) + 0.5)
        axes.locator_params(axis="x", integer=True, min_n_ticks=1)
        axes.set_xlabel("epoch")
        axes.set_ylabel("mean absolute error, years")
        axes.legend(loc="lower left", ncols=2)
    return chart.svg


def mae_over_runs(measured: Sequence[Metrics], pushed: Sequence[bool], changed_data: Sequence[bool]) -> str:
    """Draws the MAE of runs with its interval, in their order.

    Args:
        measured: of each run, with an MAE.
        pushed: whether its model was pushed.
        changed_data: whether its data differ from those of the run before it.
    """
    with svg.drawing("trend", f"MAE with intervals over {len(measured)} runs", 3.1) as chart:
        axes = chart.figure.subplots()
        for number, (metrics, filled, changed) in enumerate(zip(measured, pushed, changed_data), start=1):
            if changed:
                axes.axvline(number - 0.5, color=svg.MUTED, linewidth=1.2)
            if metrics.mae_interval:
                ends = [metrics.mae_interval.low, metrics.mae_interval.high]
                axes.plot([number, number], ends, color=svg.FIRST, linewidth=2, solid_capstyle="butt")
            axes.plot(
                [number],
                np.asarray([metrics.mae], float),
                marker="o",
                markersize=6.5,
                color=svg.FIRST,
                markerfacecolor=svg.FIRST if filled else svg.PAGE,
                linestyle="none",
                gid=f"mae_of_run_{number}_",
            )
        axes.set_ylim(bottom=0)
        axes.set_xlim(0.5, len(measured) + 0.5)
        axes.locator_params(axis="x", integer=True, min_n_ticks=1)
        axes.set_xlabel("run, numbered as in the table")
        axes.set_ylabel("mean absolute error, years")
    return chart.svg


def histograms_by_split(histograms: Mapping[str, Histogram], quantity: str, name: str) -> str:
    """Draws histograms of the splits below each other on one scale: splits differ in size, so in per cent of each.

    Args:
        histograms: by split.
        quantity: what is counted, with its unit.
        name: of the drawing.
    """
    splits = list(histograms)
    totals = {split: sum(histograms[split].counts) for split in splits}
    label = f"Histograms of {quantity} in the splits " + ", ".join(splits)
    with svg.drawing(name, label, 0.6 + 1.05 * len(splits)) as chart:
        rows = chart.figure.subplots(len(splits), sharex=True, sharey=True, squeeze=False)[:, 0]
        for axes, split in zip(rows, splits):
            counts = np.asarray(histograms[split].counts, float)
            axes.stairs(100 * counts / max(totals[split], 1), histograms[split].edges, fill=True, color=svg.FIRST, alpha=0.75)
            axes.set_title(f"{split}, n = {_number(totals[split])}")
            axes.grid(axis="x", visible=False)
        rows[0].set_ylim(bottom=0)
        rows[len(rows) // 2].set_ylabel("photographs of the split, %")
        rows[-1].set_xlabel(quantity)
    return chart.svg

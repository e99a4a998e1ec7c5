"""Says a verdict in a terminal."""

from typing import Any

from pipeline.terminal.inert_text import inert
from schemas.verdict import EXPLORE


def years(value) -> str:
    """Returns a number of years with two digits."""
    return "not a number" if value is None else f"{value:.2f}"


def interval(metrics: dict[str, Any]) -> str:
    """Returns the confidence interval of the MAE, such as `5.45 to 6.22`; nothing where there is none."""
    found = metrics.get("mae_interval")
    return f"{found['low']:.2f} to {found['high']:.2f}" if found else ""


def _headline(verdict: dict[str, Any]) -> str:
    stopped_by = inert(verdict.get("stopped_by") or "")
    if verdict.get("kind") == EXPLORE:
        outcome = f"{stopped_by} would stop a run" if stopped_by else "the data gate would let a run go on"
        return f"EXPLORED: {outcome}."
    if stopped_by:
        return f"STOPPED by {stopped_by}: no model was trained."
    return "BLESSED: this model may serve." if verdict.get("blessed") else "NOT BLESSED: this model may not serve."


def _metric_rows(verdict: dict[str, Any]) -> list[tuple[str, str]]:
    metrics = verdict.get("metrics")
    if not metrics:
        return []
    allowed = (verdict.get("thresholds") or {}).get("max_mae")
    rows = [
        (
            "MAE",
            f"{years(metrics.get('mae'))} years on {metrics.get('example_count')} test photographs"
            + (f" (at most {allowed:g} allowed)" if allowed is not None else ""),
        )
    ]
    if interval(metrics):
        rows.append(("", f"{interval(metrics)} years with {100 * metrics['mae_interval']['confidence']:g} % confidence"))
    rows.append(
        (
            "bias",
            f"{years(metrics.get('bias'))} years; {100 * (metrics.get('within_5_years') or 0):.0f} % within 5 years",
        )
    )
    if verdict.get("mean_age_mae") is not None:
        rows.append(("mean age", f"MAE {years(verdict['mean_age_mae'])} years, had it always answered with that"))
    champion = verdict.get("champion")
    if champion and champion.get("metrics"):
        rows.append(("champion", f"version {champion['version']}, MAE {years(champion['metrics'].get('mae'))} years"))
    for number, sentence in enumerate(verdict.get("weakest_slices") or ()):
        rows.append(("" if number else "weakest", inert(sentence)))
    return rows


def verdict_text(verdict: dict[str, Any]) -> str:
    """Returns the verdict of a run (see `schemas.verdict`) as a few lines for a person."""
    data, paths = verdict.get("data") or {}, verdict.get("paths") or {}
    lines = ["", _headline(verdict)]
    lines.extend(f"  - {inert(reason)}" for reason in verdict["reasons"])
    rejects = ", ".join(
        f"{number} {inert(reason.replace('_', ' '))}" for reason, number in (data.get("rejects") or {}).items()
    )
    rows = [
        *_metric_rows(verdict),
        (
            "rows",
            f"{data.get('used', 0)} used, {data.get('rejected', 0)} rejected{f' ({rejects})' if rejects else ''}, "
            f"{data.get('duplicates', 0)} duplicates, of {data.get('rows', 0)}",
        ),
    ]
    if verdict.get("metrics"):
        rows.append(("model", paths.get("model") or "none pushed"))
    rows += [(name, paths[name]) for name in ("report", "rejects", "metadata") if paths.get(name)]
    lines.extend(f"  {name:<9} {inert(text)}" for name, text in rows)
    return "\n".join(lines)

"""Says a verdict in a terminal."""

from age.reporting import for_whom
from age.untrusted_text import harmless
from schemas.verdict import EXPLORE, Difference, Metrics, Verdict


def years(value: float | None) -> str:
    """Returns a number of years with two digits."""
    return "not a number" if value is None else f"{value:.2f}"


def interval(metrics: Metrics) -> str:
    """Returns the confidence interval of the MAE, such as `5.45 to 6.22`; nothing where there is none."""
    ends = metrics.mae_interval
    return f"{ends.low:.2f} to {ends.high:.2f}" if ends else ""


def _headline(verdict: Verdict) -> str:
    stopped_by = harmless(verdict.stopped_by or "")
    if verdict.kind == EXPLORE:
        outcome = f"{stopped_by} would stop a run" if stopped_by else "the data gate would let a run go on"
        return f"EXPLORED: {outcome}."
    if stopped_by:
        return f"STOPPED by {stopped_by}: no model was trained."
    if not verdict.blessed:
        return "NOT BLESSED: this model may not serve."
    served = for_whom.served(verdict)
    return f"BLESSED: this model may serve{f', {harmless(served)}' if served else ''}."


def _difference_rows(difference: Difference | None, margin: float | None) -> list[str]:
    """Says by how much the model is worse than the champion, photograph by photograph, and what that can't tell."""
    if difference is None or difference.mean is None or difference.low is None or difference.high is None:
        return []
    said = [
        f"{abs(difference.mean):.2f} years {'worse' if difference.mean > 0 else 'better'} on the same photographs "
        f"({difference.low:+.2f} to {difference.high:+.2f} with 95 % confidence)"
    ]
    if margin is not None and difference.detectable is not None and difference.detectable > 2 * margin:
        said.append(f"so few photographs tell a model that is {difference.detectable:.2f} years worse, and hardly less")
    return said


def _metric_rows(verdict: Verdict) -> list[tuple[str, str]]:
    metrics, champion, allowed = verdict.metrics, verdict.champion, verdict.thresholds.max_mae
    if metrics is None:
        return []
    rows = [
        (
            "MAE",
            f"{years(metrics.mae)} years on {metrics.example_count} test photographs"
            + (f" (at most {allowed:g} allowed)" if allowed is not None else ""),
        )
    ]
    if metrics.mae_interval:
        rows.append(("", f"{interval(metrics)} years with {100 * metrics.mae_interval.confidence:g} % confidence"))
    rows.append(("bias", f"{years(metrics.bias)} years; {100 * (metrics.within_5_years or 0):.0f} % within 5 years"))
    if verdict.constant_baseline:
        constant = verdict.constant_baseline
        rows.append(("baseline", f"{constant.answer} age: MAE {years(constant.mae)} years, had it always answered with that"))
    if champion and champion.metrics:
        rows.append(("champion", f"version {champion.version}, MAE {years(champion.metrics.mae)} years"))
        rows += [("", sentence) for sentence in _difference_rows(champion.difference, verdict.thresholds.max_regression)]
    for number, sentence in enumerate(verdict.weakest_slices):
        rows.append(("" if number else "weakest", harmless(sentence)))
    return rows


def verdict_text(verdict: Verdict) -> str:
    """Returns the verdict of a run as a few lines for a person."""
    data, paths = verdict.data, verdict.paths
    lines = ["", _headline(verdict)]
    lines.extend(f"  - {harmless(reason)}" for reason in (*verdict.reasons, *for_whom.exceptions(verdict)))
    rejects = ", ".join(f"{number} {harmless(reason.replace('_', ' '))}" for reason, number in data.rejects.items())
    rows = [
        *_metric_rows(verdict),
        (
            "rows",
            f"{data.used} used, {data.rejected} rejected{f' ({rejects})' if rejects else ''}, "
            f"{data.duplicates} duplicates, of {data.rows}",
        ),
    ]
    if verdict.metrics:
        rows.append(("model", paths.model or "none pushed"))
    places = (("report", paths.report), ("rejects", paths.rejects), ("metadata", paths.metadata))
    rows += [(name, path) for name, path in places if path]
    lines.extend(f"  {name:<9} {harmless(text)}" for name, text in rows)
    return "\n".join(lines)

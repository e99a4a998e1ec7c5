"""Says a verdict in a terminal."""

import shlex

from age import storage
from age.reporting import for_whom
from age.serving import model_digest
from age.untrusted_text import harmless
from schemas.verdict import (
    AWAITING_APPROVAL,
    EVALUATE,
    EXPLORE,
    PENDING,
    Canary,
    Difference,
    Intervals,
    Metrics,
    Robustness,
    Verdict,
)


def years(value: float | None) -> str:
    """Returns a number of years with two digits."""
    return "not a number" if value is None else f"{value:.2f}"


def interval(metrics: Metrics) -> str:
    """Returns the confidence interval of the MAE, such as `5.45 to 6.22`; nothing where there is none."""
    ends = metrics.mae_interval
    return f"{ends.low:.2f} to {ends.high:.2f}" if ends else ""


def _seen(path: str | None, look_anywhere: bool) -> bool | None:
    """Looks whether a model is there now, complete; None where nobody looked: what lies elsewhere takes a library and time."""
    if not path:
        return False
    if storage.is_remote(path) and not look_anywhere:
        return None
    try:
        return model_digest.is_model(path)
    except OSError:
        return False


def _headline(verdict: Verdict, model_seen: bool | None) -> str:
    stopped_by = harmless(verdict.stopped_by or "")
    if verdict.kind == EXPLORE:
        outcome = f"{stopped_by} would stop a run" if stopped_by else "the data gate would let a run go on"
        return f"EXPLORED: {outcome}."
    if verdict.kind == EVALUATE:
        return "EVALUATED: this is how far the model is off on these photographs."
    if stopped_by:
        return f"STOPPED by {stopped_by}: no model was trained."
    if not verdict.blessed:
        return "NOT BLESSED: this model may not serve."
    if verdict.push == PENDING:
        return "BLESSED, and the run did not come to its end: whether the model was pushed is not known from its verdict."
    if verdict.push == AWAITING_APPROVAL:
        return "BLESSED, waiting for approval: nothing was pushed."
    if model_seen is None:
        return "BLESSED, and pushed; whether the model is still there was not looked up, for it is not on this machine."
    if not model_seen:
        version = f"version {harmless(verdict.model_version)}" if verdict.model_version else "the model"
        return f"BLESSED, and not there any more: {version} was pushed, and its place holds no complete model now."
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


def _intervals_text(intervals: Intervals) -> str:
    whole, promised = intervals.whole, intervals.promised
    held = "no number" if whole.coverage is None else f"{100 * whole.coverage:.1f} %"
    made_for = "" if promised is None else f" ({100 * promised:g} % promised)"
    return f"hold {held} of the real ages{made_for}; mean width {years(whole.mean_width)} years"


def _robustness_text(robustness: Robustness) -> str:
    """Names the way of making photographs worse under which the error grows most."""
    answered = [(entry.mae, entry) for entry in robustness.corrupted if entry.mae is not None]
    if len(answered) < len(robustness.corrupted) or not answered:
        return "the model could not answer for every photograph that was made worse"
    mae, worst = max(answered, key=lambda one: one[0])
    return (
        f"MAE at most {mae:.2f} years on photographs made worse ({worst.description}); as they are, {years(robustness.unchanged.mae)} "
        f"on the same {robustness.unchanged.example_count}"
    )


def _metric_rows(verdict: Verdict) -> list[tuple[str, str]]:
    metrics, champion, allowed = verdict.metrics, verdict.champion, verdict.thresholds.max_mae
    if metrics is None:
        return []
    rows = [
        (
            "MAE",
            f"{years(metrics.mae)} years on {metrics.example_count} {'' if verdict.kind == EVALUATE else 'test '}photographs"
            + (f" (at most {allowed:g} allowed)" if allowed is not None else ""),
        )
    ]
    if metrics.mae_interval:
        rows.append(("", f"{interval(metrics)} years with {100 * metrics.mae_interval.confidence:g} % confidence"))
    rows.append(("bias", f"{years(metrics.bias)} years; {100 * (metrics.within_5_years or 0):.0f} % within 5 years"))
    if verdict.intervals:
        rows.append(("intervals", _intervals_text(verdict.intervals)))
    if verdict.robustness:
        rows.append(("worse", _robustness_text(verdict.robustness)))
    if verdict.constant_baseline:
        constant = verdict.constant_baseline
        rows.append(("baseline", f"{constant.answer} age: MAE {years(constant.mae)} years, had it always answered with that"))
    if champion and champion.metrics:
        rows.append(("champion", f"version {champion.version}, MAE {years(champion.metrics.mae)} years"))
        rows += [("", sentence) for sentence in _difference_rows(champion.difference, verdict.thresholds.max_regression)]
    best = verdict.best_version
    if best and best.metrics:
        rows.append(("best", f"version {best.version}, MAE {years(best.metrics.mae)} years, still in the serving directory"))
        rows += [("", sentence) for sentence in _difference_rows(best.difference, None)]
    rows += [("", one.left_out()) for one in (champion, best) if one and one.left_out()]
    for number, sentence in enumerate(verdict.weakest_slices):
        rows.append(("" if number else "weakest", harmless(sentence)))
    return rows


def _canary_rows(canary: Canary | None) -> list[tuple[str, str]]:
    """Says what a server may expect of the model; why it was refused is among the verdict's reasons."""
    if canary is None or not canary.passed or canary.latency_seconds is None or canary.load_seconds is None:
        return []
    memory = "" if canary.peak_memory is None else f", {canary.peak_memory / 1e6:.0f} MB of memory"
    said = [
        f"{canary.photographs} photographs answered as measured by {canary.server} alone",
        f"loaded in {canary.load_seconds:.1f} s, {1000 * canary.latency_seconds:.0f} ms for a photograph{memory}",
    ]
    return [("canary", harmless(said[0])), ("", said[1])]


def _where(verdict: Verdict) -> str:
    """Returns the options that tell `serving` where the models of a verdict's run are."""
    workdir, serving_dir = verdict.setting("workdir"), verdict.setting("serving.dir")
    options = f" --workdir {shlex.quote(workdir)}" if workdir else ""
    return options + (f" --set serving.dir={shlex.quote(serving_dir)}" if serving_dir else "")


def verdict_text(verdict: Verdict, look_anywhere: bool = False) -> str:
    """Returns the verdict of a run as a few lines for a person.

    Args:
        verdict: the verdict.
        look_anywhere: look on object stores too whether its model is there at this moment, and not on local disks alone.
    """
    data, paths = verdict.data, verdict.paths
    model_seen = _seen(paths.model, look_anywhere)
    lines = ["", _headline(verdict, model_seen)]
    lines.extend(f"  - {harmless(reason)}" for reason in (*verdict.reasons, *for_whom.exceptions(verdict)))
    rejects = ", ".join(f"{number} {harmless(reason.replace('_', ' '))}" for reason, number in data.rejects.items())
    rows = [
        *_metric_rows(verdict),
        *_canary_rows(verdict.canary),
        (
            "rows",
            f"{data.used} used, {data.rejected} rejected{f' ({rejects})' if rejects else ''}, "
            f"{data.duplicates} duplicates, of {data.rows}",
        ),
    ]
    if verdict.metrics:
        gone = " (not there any more)" if paths.model and model_seen is False else ""
        rows.append(("model", f"{paths.model or 'none pushed'}{gone}"))
    if verdict.push == AWAITING_APPROVAL:
        rows.append(("approve", f"age-pipeline serving approve {verdict.run_id} --by NAME --reason TEXT{_where(verdict)}"))
    if verdict.approval:
        rows.append(("approved", f"by {verdict.approval.by}: {verdict.approval.reason}"))
    places = (("report", paths.report), ("rejects", paths.rejects), ("metadata", paths.metadata))
    rows += [(name, path) for name, path in places if path]
    lines.extend(f"  {name:<9} {harmless(text)}" for name, text in rows)
    return "\n".join(lines)

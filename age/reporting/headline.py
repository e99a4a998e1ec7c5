"""Says what came of a run in one sentence."""

import dataclasses
from collections.abc import Sequence

from age.reporting import for_whom
from schemas.verdict import AWAITING_APPROVAL, EVALUATE, EXPLORE, Interval, Verdict

YES = "yes"
NO = "no"
NEUTRAL = "neutral"


@dataclasses.dataclass(frozen=True)
class Headline:
    """The first thing on the page.

    Attributes:
        question: what the page answers.
        answer: in a word or two, and for whom.
        sentence: with the reason.
        tone: `YES`, `NO` or `NEUTRAL`.
        exceptions: for whom the answer does not hold, a sentence each.
    """

    question: str
    answer: str
    sentence: str
    tone: str
    exceptions: Sequence[str] = ()


def years(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.2f}"


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f" ({100 * interval.confidence:.0f} % interval {interval.low:.2f} to {interval.high:.2f})"


def compared_champion(verdict: Verdict) -> tuple[int, float] | None:
    """Returns the version of the champion and its MAE, years, where there is one and its error is known."""
    champion = verdict.champion
    if champion is None or champion.metrics is None or champion.metrics.mae is None:
        return None
    return champion.version, champion.metrics.mae


def headline(verdict: Verdict) -> Headline:
    """Returns the headline of a verdict."""
    data, metrics, reasons = verdict.data, verdict.metrics, verdict.reasons
    if verdict.kind == EXPLORE:
        counted = f"{data.used:,} of {data.rows:,} rows can be used. No model was trained."
        sentence = f"A run on these data would be stopped: {reasons[0]}" if reasons else counted
        return Headline("What is in these data?", "Explored", sentence, NO if reasons else NEUTRAL)
    if verdict.kind == EVALUATE:
        return _measured(verdict)
    question = "May this age model serve?"
    if verdict.stopped_by:
        who = "the data gate" if verdict.stopped_by == "DataGate" else verdict.stopped_by
        return Headline(question, "No", f"There is no model: {who} stopped the run before training.", NO)
    if not verdict.blessed:
        return Headline(question, "No", f"Not blessed: {reasons[0]}" if reasons else "Not blessed.", NO)
    allowed = verdict.thresholds.max_mae
    limit = "" if allowed is None else f"; at most {allowed:g} is allowed"
    measured = (
        f"Its mean absolute error is {years(metrics.mae)} years{_interval(metrics.mae_interval)} on "
        f"{metrics.example_count:,} test photographs{limit}."
        if metrics
        else ""
    )
    served, exceptions = for_whom.served(verdict), for_whom.exceptions(verdict)
    if verdict.push == AWAITING_APPROVAL:
        sentence = f"Blessed{f' {served}' if served else ''}, and waiting for a person's approval. {measured}".strip()
        return Headline(question, "Not yet", sentence, NEUTRAL, exceptions)
    answer = f"Yes, {served}" if served else "Yes"
    return Headline(question, answer, f"Blessed. {measured}".strip(), YES, exceptions)


def _measured(verdict: Verdict) -> Headline:
    """Returns the headline of a model that was measured on other data than its own, where nothing is decided."""
    metrics = verdict.metrics
    question = "How far off is this age model on these photographs?"
    if metrics is None or metrics.mae is None:
        return Headline(question, "Unknown", "The model did not answer every photograph with a number.", NO)
    sentence = (
        f"Its mean absolute error{_interval(metrics.mae_interval)} is that of {metrics.example_count:,} photographs; on average "
        f"it is off by {metrics.bias:+.2f} years, and {100 * (metrics.within_5_years or 0):.0f} % are within 5 years."
    )
    warning = f" {verdict.reasons[0]}" if verdict.reasons else ""
    return Headline(question, f"{years(metrics.mae)} years", sentence + warning, NEUTRAL)


def comparisons(verdict: Verdict) -> list[str]:
    """Returns what the MAE means, in sentences: against the threshold, the champion, and always saying one age."""
    metrics = verdict.metrics
    if not metrics or metrics.mae is None:
        return []
    mae, interval = metrics.mae, metrics.mae_interval
    sentences = []
    allowed = verdict.thresholds.max_mae
    if allowed is not None:
        above = mae > allowed
        sentences.append(
            f"That is {abs(mae - allowed):.2f} years {'above' if above else 'below'} the largest error allowed, {allowed:g}."
        )
        if interval and interval.low <= allowed <= interval.high:
            sentences.append(
                "The interval reaches over that limit: another draw of test photographs could have ended the other way."
            )
    champion = compared_champion(verdict)
    if champion:
        version, served = champion
        sentences.append(
            f"Version {version}, which is being served, comes to {served:.2f} years on the same photographs: this "
            f"model is {abs(mae - served):.2f} years {'worse' if mae > served else 'better'}."
        )
        difference = verdict.champion.difference if verdict.champion else None
        if difference and difference.low is not None and difference.high is not None:
            sentences.append(
                f"Photograph by photograph, the difference is between {difference.low:+.2f} and {difference.high:+.2f} years "
                "with 95 % confidence (above 0 this model is worse)."
            )
    if verdict.best_version and verdict.best_version.difference and verdict.best_version.difference.mean is not None:
        best = verdict.best_version
        worse = verdict.best_version.difference.mean
        sentences.append(
            f"Version {best.version} is the best one that is still in the serving directory, by its own record: on the same "
            f"photographs, this model is {abs(worse):.2f} years {'worse' if worse > 0 else 'better'}."
        )
    sentences += [one.left_out() for one in (verdict.champion, verdict.best_version) if one and one.left_out()]
    if verdict.champion is None and verdict.kind != EVALUATE:
        sentences.append("Nothing else was being served to compare it with.")
    baseline = verdict.constant_baseline
    if baseline and baseline.mae:
        sentences.append(
            f"Always answering the {baseline.answer} age of the training photographs would come to {baseline.mae:.2f} years: the "
            f"model's error is {100 * abs(1 - mae / baseline.mae):.0f} % {'smaller' if mae < baseline.mae else 'larger'}."
        )
    return sentences

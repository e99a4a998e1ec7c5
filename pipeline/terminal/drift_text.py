"""Says in a terminal whether anything has drifted."""

from age.drift.detection import Drift
from pipeline.terminal.runs_text import Page


def print_drift(found: Drift) -> None:
    """Prints the answer, a table of what was compared, and a sentence for each."""
    page = Page()
    page.say(found.sentence, style="bold red" if found.drifted else "bold green")
    version = f"version {found.model_version}" if found.model_version else found.model
    page.say(
        f"{found.source}: {found.photographs:,} compared with {found.reference_photographs:,} photographs that {version} was made for; "
        f"all comparisons together find drift where there is none in at most {100 * found.significance:g} of 100 cases."
    )
    if found.learnt_from:
        page.say(f"{found.learnt_from:,} photographs were left out: the model learnt from them, or was chosen by them.")
    if found.unread:
        page.say(f"{found.unread:,} photographs were left out: they can't be read.")
    page.say("")
    page.table(
        ("what", "drift", ">how far", ">by chance up to", ">p, all together"),
        [
            (
                comparison.what,
                "yes" if comparison.drifted else "no",
                f"{comparison.statistic:.3f}",
                f"{comparison.by_chance:.3f}",
                f"{comparison.adjusted_p_value:.3f}",
            )
            for comparison in found.comparisons
        ],
        ["red" if comparison.drifted else "green" for comparison in found.comparisons],
    )
    page.say("")
    for comparison in found.comparisons:
        page.say(comparison.sentence)

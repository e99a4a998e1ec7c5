"""The versions of a serving directory and their history, as tables."""

from age.serving.history import Event
from age.serving.serving_directory import ServingDirectory
from pipeline.terminal.runs_text import Page

_DIGITS = 12


def _event_of(events: list[Event], version: int) -> Event | None:
    return next(
        (event for event in reversed(events) if event.version == version and event.what in ("published", "found")), None
    )


def print_versions(directory: ServingDirectory) -> None:
    """Prints the complete versions, newest first, then those that were withdrawn, then models that wait for approval."""
    page, events = Page(), directory.events()
    versions, withdrawn, waiting = directory.versions(), directory.withdrawn(), directory.waiting()
    if not versions and not withdrawn and not waiting:
        page.say(f"{directory.path}: no versions. Run the pipeline until a model is blessed.")
        return
    states = ["being served", *["older"] * (len(versions) - 1)][: len(versions)] + ["withdrawn"] * len(withdrawn)
    rows, styles = [], []
    for served, state in zip([*versions, *withdrawn], states):
        event = _event_of(events, served.version)
        published = f"{event.when:%Y-%m-%d %H:%M}" if event and event.what == "published" else ""
        rows.append((served.version, state, published, event.run if event else "", served.digest[:_DIGITS]))
        styles.append({"being served": "green", "withdrawn": "red"}.get(state, ""))
    for one in waiting:
        state = f"waiting for approval since {one.candidate.since:%Y-%m-%d %H:%M}"
        rows.append(("", state, "", one.candidate.run, one.candidate.digest[:_DIGITS]))
        styles.append("yellow")
    page.table(("version", "state", "published (UTC)", "run", "content"), rows, styles)
    page.say(f"\n{directory.path}")


def print_history(directory: ServingDirectory) -> None:
    """Prints the events, oldest first."""
    page, events = Page(), directory.events()
    if not events:
        page.say(f"{directory.path}: nothing has happened there yet.")
        return
    page.table(
        ("when (UTC)", "what", "version", "content", "run", "by", "why"),
        [
            (
                f"{event.when:%Y-%m-%d %H:%M:%S}",
                event.what,
                event.version or "",
                event.digest[:_DIGITS],
                event.run,
                event.by,
                event.why,
            )
            for event in events
        ],
    )

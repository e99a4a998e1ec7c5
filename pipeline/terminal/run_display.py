"""Shows how a run is going: live lines in a terminal, plain lines anywhere else."""

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from age import progress as progress_reports
from age.progress import Progress
from age.untrusted_text import harmless, harmless_lines

LOADING = "Loading TensorFlow and TFX"
CHECKING = "Looking at the cluster"
FROM_THE_CACHE = "from the cache"

_SECONDS_BETWEEN_LINES = 30
_DUMB_TERMINALS = ("dumb", "unknown", "")


class Rate:
    """What is done a second, measured from the first report that something is done: getting there is no measure.

    Training's first step compiles the network, which takes as long as dozens of steps.
    """

    def __init__(self):
        self._doing: str | None = None
        self._began = self._base = self._last = 0.0

    def update(self, progress: Progress, now: float) -> float | None:
        """Returns the rate, or None where nothing is counted or too little was seen to tell."""
        if progress.done is None:
            self._doing = None
            return None
        if progress.doing != self._doing or progress.done < self._last or not self._base:
            self._doing, self._began, self._base = progress.doing, now, progress.done
        self._last = progress.done
        seconds, done = now - self._began, progress.done - self._base
        return done / seconds if done > 0 and seconds > 0.2 else None


def number(value: float) -> str:
    """Returns a rate in as few digits as say it."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def counts(progress: Progress, rate: float | None) -> str:
    """Returns how many are done and how fast, such as `3136 of 6074 images, 25 images/s`; nothing where nothing is counted."""
    if progress.done is None:
        return ""
    unit = f" {harmless(progress.unit)}" if progress.unit else ""
    done = f"{progress.done} of {progress.total}{unit}" if progress.total else f"{progress.done}{unit}"
    return done if rate is None else f"{done}, {number(rate)}{unit}/s"


def duration(seconds: float) -> str:
    """Returns seconds as a person says them: `7.8 s`, `1:20 min`, `2:05:00 h`."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, whole = divmod(int(seconds + 0.5), 60)
    return f"{minutes}:{whole:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d}:{whole:02d} h"


class Display:
    """What a run tells while it goes on; this one keeps it to itself."""

    def say(self, line: str) -> None:
        """Takes a line about the run as a whole."""

    def began(self, stage: str) -> None:
        """Takes the name of a stage that began."""

    def progress(self, progress: Progress) -> None:
        """Takes what the stage reports (see `age.progress`), from any thread."""

    def ended(self, stage: str, seconds: float, cached: bool) -> None:
        """Takes the name of a stage that ended well."""

    def failed(self, stage: str | None, how: str) -> None:
        """Takes the name of the stage at which the run ended early, if it was in one, and a word for how."""


class PlainLines(Display):
    """Says a line when a stage begins and ends, when what is counted is complete, and every half minute in between."""

    def __init__(self, say: Callable[[str], None]):
        self._say = say
        self._rate = Rate()
        self._doing: str | None = None
        self._reported_at = 0.0

    def say(self, line):
        self._say(harmless_lines(line))

    def began(self, stage):
        self._doing = None
        self.say(f"{stage} ...")

    def ended(self, stage, seconds, cached):
        self.say(f"{stage}: {FROM_THE_CACHE if cached else f'{seconds:.1f} s'}")

    def progress(self, progress):
        now = time.monotonic()
        rate = self._rate.update(progress, now)
        if progress.doing != self._doing:
            self._doing, self._reported_at = progress.doing, now
        complete = progress.total is not None and progress.done == progress.total
        if progress.outcome:
            self.say(f"  {progress.doing}")
        elif complete or now - self._reported_at > _SECONDS_BETWEEN_LINES:
            self._reported_at = now
            facts = [text for text in (counts(progress, rate), progress.detail) if text]
            self.say(f"  {progress.doing}{': ' if facts else ''}{'; '.join(facts)}")


def _own_standard_output() -> TextIO:
    """Returns standard output as it is now, which stays so when file descriptor 1 is sent elsewhere."""
    try:
        descriptor = sys.stdout.fileno()
    except (OSError, ValueError, io.UnsupportedOperation):
        return sys.stdout
    if descriptor != 1:
        return sys.stdout
    sys.stdout.flush()
    return open(os.dup(1), "w", encoding=sys.stdout.encoding, errors="backslashreplace", buffering=1)


@contextlib.contextmanager
def on_standard_output() -> Iterator[Display]:
    """Shows a run on standard output, live when that is a terminal."""
    stream = _own_standard_output()
    try:
        with _shown_on(stream) as display:
            yield display
    finally:
        if stream is not sys.stdout:
            stream.close()


@contextlib.contextmanager
def on_standard_error(beside_rows: bool) -> Iterator[None]:
    """Shows what is reported inside (`age.progress`) on standard error, live when that is a terminal.

    Args:
        beside_rows: whether rows are written to standard output meanwhile. Where both are one terminal, those are enough.
    """
    if beside_rows and sys.stdout.isatty():
        yield
        return
    with _shown_on(sys.stderr) as display, progress_reports.listening(display.progress):
        yield


@contextlib.contextmanager
def _shown_on(stream: TextIO) -> Iterator[Display]:
    if stream.isatty() and os.environ.get("TERM", "") not in _DUMB_TERMINALS:
        from pipeline.terminal import live_lines

        with live_lines.LiveLines(stream) as display:
            yield display
    else:
        yield PlainLines(lambda line: print(line, file=stream, flush=True))

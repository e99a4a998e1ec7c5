"""Shows a run in a terminal: a line for each finished stage, and one or two that move for the stage that is running."""

import dataclasses
import threading
import time
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from age.progress import Progress
from pipeline.terminal import run_display
from pipeline.terminal.inert_text import inert, inert_lines

# What goes on in a stage, and what was done.
_IN_PLAIN_WORDS = {
    run_display.LOADING: ("Loading TensorFlow and TFX", "TensorFlow and TFX loaded"),
    run_display.CHECKING: ("Asking the cluster's workers for their versions", "cluster ready, its workers fit"),
    "FaceExampleGen": ("Turning the photographs into examples", "photographs turned into examples"),
    "AgeSchemaGen": ("Laying down what the data must look like", "schema laid down"),
    "StatisticsGen": ("Computing statistics of the data", "statistics of the data computed"),
    "ExampleValidator": ("Comparing the statistics with the schema", "statistics compared with the schema"),
    "DataGate": ("Deciding whether the data are fit to learn from", "data fit to learn from"),
    "DataReport": ("Writing the report about the data", "report about the data written"),
    "Trainer": ("Building the network", "network trained"),
    "Champion": ("Looking up the model being served", "model being served looked up"),
    "AgeEvaluator": ("Measuring the model on the test photographs", "model measured on the test photographs"),
    "Pusher": ("Pushing the model if it is blessed", "done as the evaluation said"),
    "BlessingReport": ("Writing the report", "report written"),
}
_SHOWN_NAMES = {run_display.CHECKING: "Cluster", run_display.LOADING: "Libraries"}
_NAME_WIDTH = 16
_NARROW = 64
_WIDEST = 110
_BAR_WIDTH = 20
_REFRESHES_A_SECOND = 8
_SECONDS_TO_JUDGE_A_RATE = 3


def _left(progress: Progress, rate: float | None, running: float) -> str:
    if not rate or not progress.total or running < _SECONDS_TO_JUDGE_A_RATE:
        return ""
    seconds = (progress.total - progress.done) / rate
    if seconds < 1:
        return ""
    return f"{seconds:.0f} s left" if seconds < 60 else f"{seconds / 60:.0f} min left"


def _shortened(text: str, width: int, ellipsis: str) -> Text:
    shortened = Text(text, no_wrap=True)
    if cell_len(text) > width:
        shortened.truncate(max(width - len(ellipsis), 0))
        shortened.append(ellipsis)
    return shortened


@dataclasses.dataclass(frozen=True)
class _Marks:
    """Characters that an encoding can write."""

    done: str
    cached: str
    failed: str
    spinner: str
    ellipsis: str


_UNICODE = _Marks(done="✓", cached="↺", failed="✗", spinner="dots", ellipsis="…")
_ASCII = _Marks(done="+", cached="=", failed="x", spinner="line", ellipsis="...")


class LiveLines(run_display.Display):
    """Draws the lines with rich, which honours NO_COLOR and the terminal's width. A context manager."""

    def __init__(self, stream: TextIO):
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, force_terminal=True)
        unicode = self._console.encoding.startswith("utf")
        self._marks = _UNICODE if unicode else _ASCII
        self._spinner = Spinner(self._marks.spinner, style="cyan")
        self._lock = threading.Lock()
        self._rate = run_display.Rate()
        self._stage: str | None = None
        self._forget()
        self._live = Live(
            self,
            console=self._console,
            refresh_per_second=_REFRESHES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self):
        self._live.__enter__()
        return self

    def __exit__(self, *error):
        self._live.__exit__(*error)

    def say(self, line):
        self._console.print(Text(inert_lines(line)), soft_wrap=True)

    def began(self, stage):
        with self._lock:
            self._forget()
            self._stage = stage

    def progress(self, progress):
        with self._lock:
            if progress.outcome:
                self._outcome = inert(progress.doing)
                return
            now = time.monotonic()
            if self._progress is None or progress.doing != self._progress.doing:
                self._doing_since = now
            self._progress, self._per_second = progress, self._rate.update(progress, now)

    def ended(self, stage, seconds, cached):
        with self._lock:
            outcome = self._outcome
            self._forget()
        if cached:
            self._print_stage(self._marks.cached, "cyan", stage, run_display.FROM_THE_CACHE, None)
        else:
            self._print_stage(self._marks.done, "green", stage, outcome or self._words(stage)[1], seconds)

    def failed(self, stage, how):
        with self._lock:
            seconds = time.monotonic() - self._stage_since
            self._forget()
        if stage is not None:
            self._print_stage(self._marks.failed, "red", stage, how, seconds)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        with self._lock:
            stage, progress, per_second = self._stage, self._progress, self._per_second
            doing_since, stage_since = self._doing_since, self._stage_since
        if stage is None and progress is None:
            return
        now = time.monotonic()
        name, doing = (self._name(stage), self._words(stage)[0]) if stage else ("", "")
        mark = self._spinner.render(now)
        yield self._line(mark, "bold", name, inert(progress.doing) if progress else doing, now - stage_since)
        if progress is None:
            return
        counts = (run_display.counts(progress, per_second), _left(progress, per_second, now - doing_since))
        yield from self._below(progress, ", ".join(filter(None, counts)))
        yield from self._below(None, inert(progress.detail or ""))

    def _below(self, progress: Progress | None, text: str) -> RenderResult:
        """Yields a line under the stage's own, with a bar where the total is known."""
        if not text:
            return
        narrow = self._console.width < _NARROW
        indent = " " * (1 if narrow else 2 + _NAME_WIDTH)
        room = self._console.width - len(indent) - 3
        cells = [Text(indent)]
        if progress is not None and progress.total and not narrow:
            cells.append(
                ProgressBar(progress.total, progress.done or 0, _BAR_WIDTH, complete_style="cyan", finished_style="cyan")
            )
            room -= _BAR_WIDTH + 1
        cells.append(_shortened(text, room, self._marks.ellipsis))
        grid = Table.grid(padding=(0, 1, 0, 0))
        for _ in cells:
            grid.add_column(no_wrap=True)
        grid.add_row(*cells)
        yield grid

    def _forget(self):
        self._stage: str | None = None
        self._progress: Progress | None = None
        self._per_second: float | None = None
        self._outcome: str | None = None
        self._stage_since = self._doing_since = time.monotonic()

    def _words(self, stage: str):
        return _IN_PLAIN_WORDS.get(stage, ("Working", "done"))

    def _name(self, stage: str) -> str:
        return _SHOWN_NAMES.get(stage) or inert(stage)

    def _print_stage(self, mark: str, style: str, stage: str, text: str, seconds: float | None):
        self._console.print(self._line(Text(mark, style=style), "", self._name(stage), text, seconds))

    def _line(self, mark: Text, style: str, name: str, text: str, seconds: float | None) -> Text:
        """Returns the mark, the stage's name, a text that may be cut, and the time at the right edge."""
        # Room for the ^C that a terminal writes where the cursor is: a line that wraps could not be erased.
        width = min(self._console.width - 2, _WIDEST)
        took = "" if seconds is None else run_display.duration(seconds)
        line = Text(no_wrap=True)
        line.append_text(mark).append(" ")
        if name:
            line.append(f"{name:<{_NAME_WIDTH}} " if width >= _NARROW else f"{name} ", style=style)
        line.append_text(_shortened(text, width - line.cell_len - len(took) - 2, self._marks.ellipsis))
        line.append(" " * (width - line.cell_len - len(took) - 1)).append(took, style="dim")
        line.truncate(width)
        return line

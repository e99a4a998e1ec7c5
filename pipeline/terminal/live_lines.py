"""Shows a run in a terminal: a line for each finished stage, and up to three that move for the one that is running."""

import threading
import time
from typing import TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.constrain import Constrain
from rich.live import Live
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.table import Column, Table
from rich.text import Text

from age.untrusted_text import harmless, harmless_lines
from pipeline.terminal import run_display

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
    "Tuner": ("Searching for hyperparameters", "hyperparameters found"),
    "Trainer": ("Building the network", "network trained"),
    "Champion": ("Looking up the model being served", "model being served looked up"),
    "AgeEvaluator": ("Measuring the model on the test photographs", "model measured on the test photographs"),
    "Canary": ("Asking the exported model in a process of its own", "exported model answers as it was measured"),
    "VerdictWriter": ("Writing down the verdict", "verdict written down"),
    "Pusher": ("Pushing the model if it is blessed", "done as the evaluation said"),
    "BlessingReport": ("Writing the report", "report written"),
}
_SHOWN_NAMES = {run_display.CHECKING: "Cluster", run_display.LOADING: "Libraries"}
_NAME_WIDTH = 16
_NARROW, _WIDE, _WIDEST = 64, 96, 110
_REFRESHES_A_SECOND = 5
_SECONDS_TO_JUDGE_A_RATE = 120


class _Doing(ProgressColumn):
    """What a stage does; below it how much of that is done, with a bar where there is room, and a detail."""

    def __init__(self, room: Column, bar_width: int):
        super().__init__(room)
        self._bar = BarColumn(bar_width, complete_style="cyan", finished_style="cyan")

    def render(self, task: Task) -> Group:
        report = task.fields["report"]
        lines = [Text(task.fields["doing"])]
        if report and report.done is not None:
            cells = [self._bar.render(task)] if self._bar.bar_width and report.total else []
            line = Table.grid(*(Column(no_wrap=True) for _ in cells), self.get_table_column().copy(), padding=(0, 1))
            line.add_row(*cells, self._counts(task))
            lines.append(line)
        if report and report.detail:
            lines.append(Text(harmless(report.detail)))
        return Group(*lines)

    def _counts(self, task: Task) -> str:
        text = run_display.counts(task.fields["report"], task.speed)
        if left := task.time_remaining:
            text += f", {left:.0f} s left" if left < 60 else f", {left / 60:.0f} min left"
        return text


class _Took(ProgressColumn):
    """How long a stage took, or has been running."""

    def render(self, task: Task) -> Text:
        began, took = task.fields["began"], task.fields["took"]
        return Text(run_display.duration(task.get_time() - began) if took is None else took, style="dim")


class LiveLines(run_display.Display):
    """Draws the lines with rich, which honours NO_COLOR and the terminal's width. A context manager."""

    def __init__(self, stream: TextIO):
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False, force_terminal=True)
        unicode = self._console.encoding.startswith("utf")
        width = self._console.width
        name = Column(min_width=_NAME_WIDTH if width >= _NARROW else None, no_wrap=True)
        room = Column(no_wrap=True, overflow="ellipsis" if unicode else "crop", ratio=1)
        self._marks = dict(zip(("green", "cyan", "red"), "✓↺✗" if unicode else "+=x"))
        self._mark = SpinnerColumn("dots" if unicode else "line", style="cyan")
        self._stage = Progress(
            self._mark,
            TextColumn("{task.description}", markup=False, table_column=name),
            _Doing(room, 20 if width >= _WIDE else 10 if width >= _NARROW else 0),
            _Took(Column(no_wrap=True, min_width=1)),
            console=self._console,
            speed_estimate_period=_SECONDS_TO_JUDGE_A_RATE,
            expand=True,
        )
        self._lock = threading.Lock()
        self._outcome: str | None = None
        self._live = Live(
            self,
            console=self._console,
            refresh_per_second=_REFRESHES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self):
        self._live.start(refresh=True)
        return self

    def __exit__(self, *error):
        self._live.stop()

    def say(self, line):
        self._console.print(Text(harmless_lines(line)), soft_wrap=True)

    def began(self, stage):
        with self._lock:
            self._outcome = None
            self._show(self._name(stage), self._words(stage)[0], time.monotonic())

    def progress(self, progress):
        with self._lock:
            if progress.outcome:
                self._outcome = harmless(progress.doing)
                return
            task = self._task()
            if task is None:
                self._show("", harmless(progress.doing), time.monotonic())
            elif task.fields["report"] is None or task.fields["report"].doing != progress.doing:
                self._show(task.description, harmless(progress.doing), task.fields["began"])
            self._stage.update(self._stage.task_ids[0], total=progress.total, completed=progress.done, report=progress)

    def ended(self, stage, seconds, cached):
        if cached:
            self._finish(stage, "cyan", run_display.FROM_THE_CACHE, "")
        else:
            self._finish(stage, "green", self._outcome or self._words(stage)[1], run_display.duration(seconds))

    def failed(self, stage, how):
        task = self._task()
        self._finish(stage, "red", how, run_display.duration(time.monotonic() - task.fields["began"]) if task else "")

    def _finish(self, stage: str | None, colour: str, text: str, took: str) -> None:
        """Prints the last line of a stage above the ones that move, and takes those away."""
        with self._lock:
            self._outcome = None
            self._mark.finished_text = Text(self._marks[colour], style=colour)
            self._show(self._name(stage or ""), text, took=took)
            self._stage.update(self._stage.task_ids[0], total=1, completed=1)
            line = self._within(self._console.width)
            self._stage.remove_task(self._stage.task_ids[0])
        if stage is not None:
            self._console.print(line)

    def _show(self, name: str, doing: str, began: float = 0, took: str | None = None) -> None:
        for task in self._stage.task_ids:
            self._stage.remove_task(task)
        self._stage.add_task(name, total=None, doing=doing, began=began, took=took, report=None)

    def _task(self) -> Task | None:
        return next(iter(self._stage.tasks), None)

    def _within(self, width: int) -> RenderableType:
        # Room for the ^C that a terminal writes where the cursor is: a line that wraps could not be erased.
        return Constrain(self._stage.get_renderable(), min(width - 2, _WIDEST))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._within(options.max_width)

    def _words(self, stage: str) -> tuple[str, str]:
        return _IN_PLAIN_WORDS.get(stage, ("Working", "done"))

    def _name(self, stage: str) -> str:
        return _SHOWN_NAMES.get(stage) or harmless(stage)

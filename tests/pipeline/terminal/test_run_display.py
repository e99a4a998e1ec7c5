"""How a run looks while it goes on: plain lines, and live ones in a terminal of any width."""

import io
import re

import pytest

from age.progress import Progress
from pipeline.terminal import live_lines, run_display

TRAINING = Progress("Training, epoch 3 of 10", 45, 95, "steps", "epoch 2: MAE 8.75 years, validation MAE 6.81")


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [100.0]
    monkeypatch.setattr(run_display.time, "monotonic", lambda: now[0])
    return now


def plain(text):
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


@pytest.mark.parametrize(
    "seconds, words",
    [(0, "0.0 s"), (7.84, "7.8 s"), (59.96, "1:00 min"), (80, "1:20 min"), (3599.7, "1:00:00 h"), (7500, "2:05:00 h")],
)
def test_durations(seconds, words):
    assert run_display.duration(seconds) == words


def test_rate_is_measured_from_the_first_report_that_something_is_done():
    rate = run_display.Rate()

    assert rate.update(Progress("Hashing", 64), 0.0) is None
    assert rate.update(Progress("Hashing", 164), 2.0) == 50
    assert rate.update(Progress("Decoding", 10), 3.0) is None
    assert rate.update(Progress("Decoding", 40), 4.0) == 30
    assert rate.update(Progress("Decoding", 0), 5.0) is None
    assert rate.update(Progress("Decoding", 1), 25.0) is None
    assert rate.update(Progress("Decoding", 5), 27.0) == 2


class TestPlainLines:
    def test_stages(self):
        lines = []
        display = run_display.PlainLines(lines.append)

        display.say("Run 1 on faces\nLog: \x1b[31mlog")
        display.began("FaceExampleGen")
        display.ended("FaceExampleGen", 7.84, False)
        display.began("Trainer")
        display.ended("Trainer", 0.01, True)

        assert lines == [
            "Run 1 on faces\nLog: \\x1b[31mlog",
            "FaceExampleGen ...",
            "FaceExampleGen: 7.8 s",
            "Trainer ...",
            "Trainer: from the cache",
        ]

    def test_progress_every_half_minute_and_when_complete(self, clock):
        lines = []
        display = run_display.PlainLines(lines.append)

        for second in range(0, 76, 5):
            clock[0] = 100.0 + second
            display.progress(Progress("Computing features", 10 * second, 750, "images"))
        display.progress(Progress("best validation MAE 5.72 years, in epoch 9", outcome=True))

        assert lines == [
            "  Computing features: 350 of 750 images, 10 images/s",
            "  Computing features: 700 of 750 images, 10 images/s",
            "  Computing features: 750 of 750 images, 10 images/s",
            "  best validation MAE 5.72 years, in epoch 9",
        ]

    def test_every_epoch_says_its_errors(self):
        lines = []
        display = run_display.PlainLines(lines.append)

        display.progress(Progress("Training, epoch 1 of 2", 0, 95, "steps"))
        display.progress(Progress("Training, epoch 1 of 2", 95, 95, "steps", "MAE 8.75 years, validation MAE 6.81"))

        assert lines == ["  Training, epoch 1 of 2: 95 of 95 steps; MAE 8.75 years, validation MAE 6.81"]


class TestLiveLines:
    @pytest.fixture(autouse=True)
    def terminal(self, monkeypatch):
        """Not that of whoever runs the tests, which may be dumb."""
        monkeypatch.setenv("TERM", "xterm-256color")

    @pytest.fixture(params=[120, 80, 40, 12])
    def width(self, request, monkeypatch):
        monkeypatch.setenv("COLUMNS", str(request.param))
        return request.param

    def drawn(self, act, stream=None):
        """Draws and returns what was drawn before the running stage's lines are taken away."""
        stream = stream or io.StringIO()
        with live_lines.LiveLines(stream) as display:
            act(display)
            display._live.refresh()
            seen = stream.getvalue()
        return seen

    def running(self, display):
        display.began("FaceExampleGen")
        display.progress(Progress("7529 of 7591 rows used", outcome=True))
        display.ended("FaceExampleGen", 7.84, False)
        display.began("StatisticsGen")
        display.ended("StatisticsGen", 0.01, True)
        display.began("Trainer")
        display.progress(TRAINING)

    def test_no_line_is_wider_than_the_terminal(self, width):
        seen = plain(self.drawn(self.running))

        assert all(len(line) <= width for line in re.split(r"[\r\n]+", seen))

    def test_finished_cached_and_running_stages(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "100")

        seen = plain(self.drawn(self.running))

        assert re.search(r"✓ FaceExampleGen   7529 of 7591 rows used +7\.8 s", seen)
        assert "↺ StatisticsGen    from the cache" in seen
        assert re.search(r". Trainer          Training, epoch 3 of 10 +0\.\d s", seen)
        assert "45 of 95 steps" in seen and "validation MAE 6.81" in seen

    def test_failure_names_the_stage(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "100")

        def failing(display):
            display.began("Trainer")
            display.failed("Trainer", "failed")

        assert re.search(r"✗ Trainer +failed +0\.\d s", plain(self.drawn(failing)))

    def test_no_colour_where_none_is_wanted(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "100")
        coloured = self.drawn(self.running)
        monkeypatch.setenv("NO_COLOR", "1")
        bare = self.drawn(self.running)

        assert "\x1b[32m✓" in coloured
        assert not re.search(r"\x1b\[[0-9;]*(3[0-9]|38;5;[0-9]+|4[0-9])m", bare)

    def test_hostile_reports_are_harmless(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "100")

        def hostile(display):
            display.began("[red]\x1b]0;title\x07")
            display.progress(Progress("\x1b[2J[red]doing", 1, 2, "\x9bx", "\x1b[5m[blink]detail"))
            display.say("\x1b[2Jsaid")

        seen = self.drawn(hostile)

        assert "\x1b[2J" not in seen and "\x1b]0" not in seen and "\x9b" not in seen and "\x1b[5m" not in seen
        assert "[red]doing" in plain(seen) and "[blink]detail" in plain(seen)

    def test_terminal_without_unicode(self, monkeypatch):
        monkeypatch.setenv("COLUMNS", "100")
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding="ascii", errors="strict", write_through=True)
        with live_lines.LiveLines(stream) as display:
            self.running(display)
            display._live.refresh()

        seen = plain(written.getvalue().decode("ascii"))
        assert "+ FaceExampleGen" in seen and "= StatisticsGen" in seen and "45 of 95 steps" in seen

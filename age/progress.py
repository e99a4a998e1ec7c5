"""Lets a step say how far it is, to whoever listens in this process.

    with progress.listening(show):
        progress.report("Computing features", done=320, total=6074, unit="images")

Where nobody listens, in a worker process or on Kubeflow, nothing happens. Steps report in batches: a report costs a few
microseconds and is free to be dropped by the listener.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a step is.

    Attributes:
        doing: what it is doing, in plain words, the same through all reports about it.
        done: how many are done, or None where nothing is counted.
        total: how many there are, or None while nobody knows.
        unit: what is counted, in the plural.
        detail: what else is worth a glance, such as the last epoch's error.
        outcome: whether `doing` tells what came of the step rather than what goes on.
    """

    doing: str
    done: int | None = None
    total: int | None = None
    unit: str | None = None
    detail: str | None = None
    outcome: bool = False


Listener = Callable[[Progress], None]


class _Channel:
    """A listener, and the sums of what workers did for it; any thread may report."""

    def __init__(self, listener: Listener):
        self._listener = listener
        self._lock = threading.Lock()
        self._sums: dict[str, tuple[int, int]] = {}

    def tell(self, progress: Progress) -> None:
        with self._lock:
            self._listener(progress)

    def add(self, doing: str, done: int, total: int, unit: str | None) -> None:
        with self._lock:
            before_done, before_total = self._sums.get(doing, (0, 0))
            sums = before_done + done, before_total + total
            self._sums[doing] = sums
            # What is only known to come is no news yet.
            if done:
                self._listener(Progress(doing, *sums, unit))


# Functions of this module are pickled by name, so that workers elsewhere find no channel.
_channel: _Channel | None = None


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Hands every report to `listener` while the context lasts, one at a time, from whichever thread reports."""
    global _channel
    before, _channel = _channel, _Channel(listener)
    try:
        yield
    finally:
        _channel = before


def report(
    doing: str,
    done: int | None = None,
    total: int | None = None,
    unit: str | None = None,
    detail: str | None = None,
) -> None:
    """Says how far the step is.

    Args:
        doing: what it is doing, in plain words.
        done: how many are done.
        total: how many there are.
        unit: what is counted, in the plural.
        detail: what else is worth a glance.
    """
    if _channel is not None:
        _channel.tell(Progress(doing, done, total, unit, detail))


def add(doing: str, done: int = 0, total: int = 0, unit: str | None = None) -> None:
    """Adds to what is done and to what there is to do, for work that several workers share.

    Args:
        doing: what they are doing, in plain words.
        done: how many more are done.
        total: how many more there are.
        unit: what is counted, in the plural.
    """
    if _channel is not None:
        _channel.add(doing, done, total, unit)


def conclude(outcome: str) -> None:
    """Says what came of the step in a few words, such as its counts."""
    if _channel is not None:
        _channel.tell(Progress(outcome, outcome=True))

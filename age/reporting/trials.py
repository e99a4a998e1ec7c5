"""The trials of a search as a table for people."""

import csv
import io
import os
from collections.abc import Iterable
from typing import Any

from age import storage
from age.spreadsheet_cells import harmless
from schemas.verdict import Search, Trial

TABLE_FILE = "trials.csv"

_COLUMNS = ("trial", "outcome", "validation_mae", "epochs", "seconds")

OUTCOMES = {
    "begun": "interrupted",
    "finished": "finished",
    "pruned": "ended early, left behind by others",
    "diverged": "diverged",
    "out_of_time": "time was up",
}
"""What became of a trial, in words."""


def in_order(search: Search) -> list[Trial]:
    """Returns the trials, those that came to their end first, the best of them at the top."""
    last = float("inf")
    return sorted(
        search.trials,
        key=lambda trial: (trial.status != "finished", last if trial.validation_mae is None else trial.validation_mae),
    )


def keys(search: Search) -> list[str]:
    """Returns the keys that were searched, sorted: each trial may have them in an order of its own."""
    return sorted({key for trial in search.trials for key in trial.values})


def shown(value: Any) -> str:
    """Returns a value of a hyperparameter as people read it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def rows(search: Search) -> Iterable[list[str]]:
    """Yields the table, its heading first."""
    names = keys(search)
    yield [*_COLUMNS, *names]
    for trial in in_order(search):
        mae = "" if trial.validation_mae is None else f"{trial.validation_mae:.3f}"
        counts = [str(len(trial.errors)), f"{trial.seconds:.0f}"]
        yield [
            str(trial.number + 1),
            OUTCOMES[trial.status],
            mae,
            *counts,
            *(shown(trial.values.get(name, "")) for name in names),
        ]


def write(search: Search, directory: str) -> None:
    """Writes `trials.csv` into a directory."""
    table = io.StringIO()
    csv.writer(table, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows(search))
    storage.write_text(os.path.join(directory, TABLE_FILE), table.getvalue())

"""Asks `age-pipeline predict` in this process, and reads what it prints."""

import csv
import io

from pipeline.cli import cli


def predict(*arguments) -> None:
    """Runs the command with these arguments."""
    cli.main(["predict", *map(str, arguments)], standalone_mode=False)


def printed(capsys) -> list[dict]:
    """Returns the rows that were printed."""
    return list(csv.DictReader(io.StringIO(capsys.readouterr().out)))


def ages(rows) -> list[float]:
    """Returns the ages of rows, in years."""
    return [float(row["age"]) for row in rows]

"""A search for hyperparameters: alone, in a run, and what later runs make of what it found."""

import csv
import json
import pathlib
import re

import pytest

from pipeline import configuration
from pipeline.local import local_runner
from pipeline.terminal import search_text
from schemas.bad_input import BadInput
from tests.end_to_end.conftest import SMALL_RUN, run_pipeline

SEARCH = [
    "trainer.freeze_through=all",
    "trainer.epochs=4",
    "tuner.space={trainer.learning_rate: {min: 1e-3, max: 1e-1, log: true}, trainer.dense_units: [16, 32]}",
    "tuner.max_trials=3",
    "tuner.method=random",
    "evaluator.max_mae=40",
]


@pytest.fixture(scope="module")
def searched(shades, tmp_path_factory):
    """What a search alone found, the lines that it said, and its workdir."""
    workdir, lines = tmp_path_factory.mktemp("searched"), []
    configured = configuration.load(None, [*SMALL_RUN, *SEARCH], data_dir=str(shades), workdir=str(workdir))
    search, best, table = local_runner.tune(configured, lines.append)
    return search, pathlib.Path(best), pathlib.Path(table), lines, workdir


@pytest.fixture(scope="module")
def run(shades, searched):
    """A run of the same configuration in the same workdir."""
    return run_pipeline(shades, searched[-1], *SEARCH)


def test_a_search_alone_ends_with_its_best_hyperparameters_and_a_table_of_its_trials(searched):
    search, best, table, lines, workdir = searched

    values = json.loads(best.read_text())["values"]
    assert values == search.trials[search.best].values and set(values) == {"trainer.learning_rate", "trainer.dense_units"}
    with open(table, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["outcome"] for row in rows] == ["finished"] * 3
    assert float(rows[0]["validation_mae"]) == pytest.approx(search.trials[search.best].validation_mae, abs=1e-3)
    assert lines[-1].startswith("Tuner") and not list(workdir.glob("reports/*"))


def test_the_terminal_shows_the_trials_and_how_to_train_with_the_best(searched, capsys):
    search, best, table, _, workdir = searched

    search_text.print_search(search, str(best), str(table), str(workdir / "searches"))

    heading, first, *_ = capsys.readouterr().out.splitlines()
    assert heading.split() == [
        "trial",
        "outcome",
        "validation",
        "mae",
        "epochs",
        "seconds",
        "dense",
        "units",
        "learning",
        "rate",
    ]
    assert first.split()[:2] == [str(search.best + 1), "finished"]


def test_its_last_words_name_files_that_are_there(searched, capsys):
    search, best, table, _, workdir = searched

    search_text.print_search(search, str(best), str(table), str(workdir / "searches"))

    said = capsys.readouterr().out
    assert best.is_file() and f"--set trainer.hyperparameters={best}" in said
    assert table.is_file() and f"The trials as a table: {table}" in said
    assert list(workdir.glob("searches/**/events.out.tfevents.*")) and f"tensorboard --logdir {workdir}" in said


def test_a_run_takes_the_search_from_the_cache_and_trains_with_the_best(searched, run):
    search = searched[0]

    assert "Tuner" in run.from_cache() and "Trainer" in run.executed()
    assert run.verdict["training"]["search"] == search.model_dump()
    best = search.trials[search.best].values
    provenance = pathlib.Path(run.verdict["paths"]["model"]) / "assets.extra" / "provenance.json"
    trained = json.loads(provenance.read_text())["trainer"]
    assert (trained["learning_rate"], trained["dense_units"]) == (best["trainer.learning_rate"], best["trainer.dense_units"])
    assert run.verdict["training"]["validation_mae"] == pytest.approx(search.trials[search.best].validation_mae, rel=1e-4)


def test_the_page_shows_the_trials_as_a_table_and_as_lines(run):
    page = (run.workdir / "reports" / run.verdict["run_id"] / "report.html").read_text()

    assert "Which hyperparameters were tried?" in page
    assert re.search(r'aria-label="3 trials, each a line', page)
    for number in range(3):
        assert f"trials-trial_{number}_" in page


def test_another_run_trains_with_the_best_of_a_search_that_it_does_not_make(searched, shades):
    best = searched[1]
    # What `--set` says has the last word.
    others = [override for override in SMALL_RUN if not override.startswith(("trainer.learning_rate", "trainer.dense_units"))]
    reusing = configuration.load(
        None, [*others, *SEARCH, "tuner=null", f"trainer.hyperparameters={best}"], data_dir=str(shades)
    )

    assert reusing.tuner is None
    values = json.loads(best.read_text())["values"]
    assert reusing.trainer.learning_rate == values["trainer.learning_rate"]
    assert reusing.trainer.dense_units == values["trainer.dense_units"]


def test_without_anything_to_search_it_says_how_to_ask_for_it(shades, tmp_path):
    configured = configuration.load(None, SMALL_RUN, data_dir=str(shades), workdir=str(tmp_path))

    with pytest.raises(BadInput, match=r"tuner is not set: .* --set 'tuner.space="):
        local_runner.tune(configured)

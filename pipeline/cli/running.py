"""Runs on this machine: `run`, `explore` and `tune`."""

import sys

import click

from pipeline.cli import options
from schemas import exit_status


@click.command()
@options.data
@options.configuration
def run(data, load_configuration):
    """Run the whole pipeline on this machine and say whether the model may serve."""
    from pipeline.local import local_runner
    from pipeline.terminal import run_display, verdict_text

    configured = load_configuration(data_dir=data)
    with run_display.on_standard_output() as display:
        verdict = local_runner.run(configured, display=display)
    click.echo(verdict_text.verdict_text(verdict, look_anywhere=True))
    sys.exit(exit_status.DONE if verdict.blessed else exit_status.NOT_BLESSED)


@click.command()
@options.data
@options.configuration
def explore(data, load_configuration):
    """Look at the data alone, before any training, and say whether the data gate would let a run go on.

    Exit status: 0 it would, 2 it would not.
    """
    from pipeline.local import local_runner
    from pipeline.terminal import data_text, run_display

    configured = load_configuration(data_dir=data)
    with run_display.on_standard_output() as display:
        verdict = local_runner.explore(configured, display=display)
    click.echo(data_text.data_text(verdict))
    sys.exit(exit_status.BAD_INPUT if verdict.stopped_by else exit_status.DONE)


@click.command()
@options.data
@options.configuration
def tune(data, load_configuration):
    """Search for hyperparameters on this machine, and print the trials, the best one first.

    What is searched stands in the configuration (tuner.space). A search that was interrupted goes on. `run` with the same
    configuration trains with the best, and does not search again.
    """
    from pipeline.local import local_runner
    from pipeline.terminal import run_display, search_text

    configured = load_configuration(data_dir=data)
    with run_display.on_standard_output() as display:
        search, best, table = local_runner.tune(configured, display=display)
    search_text.print_search(search, best, table, configured.search_dir)


COMMANDS = (run, explore, tune)

"""Runs on this machine: `run` and `explore`."""

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


COMMANDS = (run, explore)

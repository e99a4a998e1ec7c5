"""The command line, `age-pipeline`: a module for each group of commands.

A new group is a new module with `COMMANDS`, named in `_GROUPS`. Libraries load inside the commands, so that `--help`
answers at once.
"""

import os
import sys
import traceback

import click

from age.untrusted_text import harmless_lines
from pipeline.cli import drift, kubeflow, labels, models, reports, running, server, serving, sources
from schemas import exit_status
from schemas.failures import Failure, RunStopped

_GROUPS = (running, reports, models, drift, serving, server, kubeflow, labels, sources)


@click.group(
    commands=[command for group in _GROUPS for command in group.COMMANDS],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
def cli():
    """Learn a person's age from a photograph: from a folder of faces to a gated, served model.

    Exit status: 0 done (and blessed, for run), 2 bad usage or bad input, 3 the run finished and the model was not
    blessed, 4 predict could not read some photographs, 5 drift found drift, 1 anything else.
    """


def main() -> None:
    """Runs the command line and turns every ending into a sentence and an exit status."""
    # Networks here are of Keras 3. Where TensorFlow Transform was imported, it asks for Keras 2 of every process that follows.
    os.environ["TF_USE_LEGACY_KERAS"] = "0"
    try:
        cli.main(standalone_mode=False)
    except RunStopped as error:
        click.echo(harmless_lines(error), err=True)
        sys.exit(error.exit_status)
    except Failure as error:
        click.echo(f"Error: {harmless_lines(error)}", err=True)
        sys.exit(error.exit_status)
    except click.ClickException as error:
        error.show()
        sys.exit(exit_status.BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(exit_status.FAILED)
    except ModuleNotFoundError as error:
        click.echo(
            f"Error: {error.name} is not installed in this environment. One that was made from locks/serving.txt has what `serve` and "
            "`predict` need and no more; `make setup` makes one for all commands.",
            err=True,
        )
        sys.exit(exit_status.FAILED)
    except Exception as error:
        click.echo(
            f"Error: {type(error).__name__}: {harmless_lines(error)}\n"
            "This is a fault of the pipeline's own; the lines below say where.",
            err=True,
        )
        traceback.print_exc()
        sys.exit(exit_status.FAILED)

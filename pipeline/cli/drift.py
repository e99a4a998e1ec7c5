"""Whether today's photographs are still like those that a model was made for: `drift`."""

import os
import sys

import click

from pipeline.cli import options
from schemas import exit_status


@click.command()
@click.argument("directory", metavar="DIR", required=False)
@click.option("--metrics", metavar="FILE | URL", help="Look at the ages that a server answered with, in place of photographs.")
@click.option("--against", metavar="VERSION", type=int, help="The version to compare with; the one being served unless given.")
@click.option("--model", metavar="DIR", help="As for predict.")
@click.option("--json", "json_file", metavar="FILE", help="Write what was found, for programs.")
@click.option("--page", metavar="FILE", help="Write what was found, for people: an HTML page.")
@options.configuration
def drift(directory, metrics, against, model, json_file, page, load_configuration):
    """Say whether photographs have drifted from those that a model was made for.

    DIR is a folder of photographs; they need no labels. Compared are what the model sees in them, predicted ages, brightness and
    sizes, and with a labels.csv in DIR the ages there too. --metrics compares the predicted ages that a server counts under /metrics.

    Exit status: 0 no drift, 5 drift.
    """
    if bool(directory) == bool(metrics):
        raise click.UsageError("Name a folder DIR, or a server's metrics with --metrics FILE | URL: one of the two.")
    if model and against is not None:
        raise click.UsageError("--against names a version of the serving directory, and --model any model: give one of them.")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from age import storage
    from age.serving import predictor
    from pipeline import drift as drifting
    from pipeline.terminal import drift_text, run_display

    configured = load_configuration(for_run=False)
    place = storage.join(configured.serving_dir, str(against)) if against is not None else model or configured.serving_dir
    served = predictor.find(place)
    with run_display.on_standard_error(beside_rows=False):
        if directory:
            found = drifting.of_folder(directory, served, configured.drift)
        else:
            found = drifting.of_metrics(metrics, served, configured.drift)
    if json_file:
        storage.write_text(json_file, found.model_dump_json(indent=2) + "\n")
    if page:
        from age.reporting import drift_page

        storage.write_text(page, drift_page.render(found))
    drift_text.print_drift(found)
    sys.exit(exit_status.DRIFTED if found.drifted else exit_status.DONE)


COMMANDS = (drift,)

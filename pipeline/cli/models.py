"""What a trained model answers, and how far it is off: `predict` and `evaluate`."""

import sys

import click

from pipeline.cli import options
from schemas.failures import PhotographsUnread


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE… | DIR | LIST.csv | -")
@click.option(
    "--model", metavar="DIR", help="A SavedModel, a serving directory or a workdir; the version being served unless given."
)
@click.option(
    "--out",
    metavar="FILE | DIR",
    help="Where the answers go: .csv, .jsonl or .parquet; standard output, as CSV, unless given. With --runner a directory.",
)
@click.option("--resume", is_flag=True, help="Go on where an interrupted call with the same --out ended.")
@click.option(
    "--runner",
    type=click.Choice(["direct", "flink", "spark", "dataflow"]),
    help="Have Beam's workers ask; the section beam of the configuration says where they are.",
)
@options.configuration
def predict(images, model, out, resume, runner, load_configuration):
    """Say the age that a model reads from each photograph.

    IMAGE is a JPEG or PNG file. DIR stands for all of those in it, at any depth. LIST.csv has a column file_name, with names
    relative to it. - reads paths from standard input, one a line. The answers are in that order.

    Exit status: 0 all were read, 4 some could not be; their rows say why.
    """
    from pipeline.prediction import asking, outputs
    from pipeline.terminal import run_display

    if resume and not out:
        raise click.UsageError("--resume goes on with what an earlier call kept beside its --out FILE; name that file.")
    _quiet_libraries()
    if runner:
        return _predict_on_beam(runner, images, model, out, resume, load_configuration())

    def default_place():
        return load_configuration().serving_dir

    with run_display.on_standard_error(beside_rows=not out):
        if out:
            asked, unread = asking.to_file(model, default_place, list(images), out, resume)
        else:
            asked, unread = asking.to_rows(
                model or default_place(), list(images), lambda names: outputs.CsvRows(sys.stdout, names).write
            )
            sys.stdout.flush()
    if unread:
        raise PhotographsUnread(
            f"{unread:,} of {asked:,} photographs could not be read; the column {outputs.ERROR!r} of their rows says why."
        )
    return None


def _predict_on_beam(runner, images, model, out, resume, configured):
    import os

    from age import progress
    from pipeline.local import local_runner
    from pipeline.terminal import run_display

    if not out:
        raise click.UsageError("--runner needs --out DIR: each worker writes files of its own.")
    with run_display.on_standard_output() as display, progress.listening(display.progress):
        log = os.path.join(configured.workdir, "logs", "predict.log")
        display.say(f"Log: {log}")
        with local_runner.chatter_to(log, [sys.stderr, sys.stdout]):
            from pipeline.prediction import on_beam

            beam_args = on_beam.arguments(configured, runner)
            asked, unread = on_beam.to_directory(model or configured.serving_dir, list(images), out, beam_args, resume)
        display.say(f"{asked - unread:,} of {asked:,} photographs answered: {out}")
    if unread:
        where = os.path.join(out, on_beam.DEAD_LETTERS)
        raise PhotographsUnread(f"{unread:,} of {asked:,} photographs could not be read; {where} says why.")


@click.command()
@click.argument("directory", metavar="DIR")
@click.option("--model", metavar="DIR", help="As for predict.")
@click.option("--out", metavar="DIR", help="Where page and files go; <workdir>/evaluations/<time> unless given.")
@options.configuration
def evaluate(directory, model, out, load_configuration):
    """Measure a model on DIR, a folder with labels.csv and photographs, by what the gate measures with.

    Prints the error with its interval, and that of every slice; leaves report.html, evaluation.json and predictions.csv.
    Nothing is blessed or pushed.
    """
    import os

    from age import progress
    from age.serving import predictor
    from pipeline.evaluation import folders
    from pipeline.local import local_runner
    from pipeline.terminal import run_display, runs_text
    from schemas import age_schema

    configured = load_configuration(data_dir=directory)
    served = predictor.find(model or configured.serving_dir)
    place = folders.new(out, os.path.join(configured.workdir, folders.EVALUATIONS))
    limits = age_schema.limits(age_schema.parse(configured.schema_text(), configured.data.schema_file or "the age schema"))
    _quiet_libraries()
    with run_display.on_standard_output() as display, progress.listening(display.progress):
        log = os.path.join(place, "log.txt")
        display.say(f"Measuring {served.path} on {configured.data.dir}\nLog: {log}")
        with local_runner.chatter_to(log, [sys.stderr, sys.stdout]):
            from pipeline.evaluation import labelled_folder

            verdict = labelled_folder.evaluate(
                configured.data.dir, served, configured.evaluator, limits, place, configured.described()
            )
    runs_text.print_evaluation(verdict)


def _quiet_libraries() -> None:
    import os
    import warnings

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Google's libraries announce the end of Python 3.10 to whoever imports them.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


COMMANDS = (predict, evaluate)

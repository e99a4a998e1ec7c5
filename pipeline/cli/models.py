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
@click.option("--faces", is_flag=True, help="Answer for each face that is found, cut out as the model learnt to see faces.")
@options.face_detector
@options.configuration
def predict(images, model, out, resume, runner, faces, face_detector, load_configuration):
    """Say the age that a model reads from each photograph.

    IMAGE is a JPEG or PNG file. DIR stands for all of those in it, at any depth. LIST.csv has a column file_name, with names
    relative to it. - reads paths from standard input, one a line. The answers are in that order. Where a face detector is
    configured, a photograph that is unlike what the model learnt from gets a warning; --faces looks for the faces in it.

    Exit status: 0 there is an age for all, 4 some could not be read or have no face; their rows say why.
    """
    from pipeline.prediction import asking, outputs
    from pipeline.terminal import run_display

    if resume and not out:
        raise click.UsageError("--resume goes on with what an earlier call kept beside its --out FILE; name that file.")
    _quiet_libraries()
    if runner and (faces or face_detector):
        raise click.UsageError(
            "Faces are looked for by this process alone: leave out --runner, or --faces and --face-detector."
        )
    if runner:
        return _predict_on_beam(runner, images, model, out, resume, load_configuration())
    configured = load_configuration(for_run=False)
    search = _search(face_detector or configured.data.face_detector, faces)

    def default_place():
        return configured.serving_dir

    with run_display.on_standard_error(beside_rows=not out):
        if out:
            asked, unread = asking.to_file(model, default_place, list(images), out, resume, search)
        else:
            asked, unread = asking.to_rows(
                model or default_place(), list(images), lambda names: outputs.CsvRows(sys.stdout, names).write, search
            )
            sys.stdout.flush()
    if unread:
        raise PhotographsUnread(
            f"{unread:,} of {asked:,} photographs could not be read{' or have no face' if faces else ''}; the column "
            f"{outputs.ERROR!r} of their rows says why."
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
@click.option("--faces", is_flag=True, help="Measure on the main face of each photograph; those without one are rejects.")
@options.face_detector
@options.configuration
def evaluate(directory, model, out, faces, face_detector, load_configuration):
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
    detector = _detector(face_detector or configured.data.face_detector) if faces else None
    place = folders.new(out, os.path.join(configured.workdir, folders.EVALUATIONS))
    limits = age_schema.limits(age_schema.parse(configured.schema_text(), configured.data.schema_file or "the age schema"))
    _quiet_libraries()
    with run_display.on_standard_output() as display, progress.listening(display.progress):
        log = os.path.join(place, "log.txt")
        display.say(f"Measuring {served.path} on {configured.data.dir}\nLog: {log}")
        with local_runner.chatter_to(log, [sys.stderr, sys.stdout]):
            from pipeline.evaluation import labelled_folder

            verdict = labelled_folder.evaluate(
                configured.data.dir, served, configured.evaluator, limits, place, configured.described(), detector
            )
    runs_text.print_evaluation(verdict)


def _search(path, faces):
    """Returns how faces are looked for: as is asked for, or for warnings alone where a detector is configured."""
    if not faces and not path:
        click.echo(
            "No face detector is configured (data.face_detector): nothing warns of photographs without a face.", err=True
        )
        return None
    from pipeline.prediction import asking

    return asking.FaceSearch(_detector(path), each_face=faces)


def _detector(path):
    """Returns the face detector that was named."""
    if not path:
        raise click.UsageError(
            "--faces needs a face detector: name the model file of OpenCV's YuNet with --face-detector FILE or data.face_detector."
        )
    from age.faces.detection import FaceDetector

    return FaceDetector.load(path)


def _quiet_libraries() -> None:
    import os
    import warnings

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Google's libraries announce the end of Python 3.10 to whoever imports them.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")


COMMANDS = (predict, evaluate)

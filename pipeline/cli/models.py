"""What a trained model answers: `predict`."""

import sys

import click

from pipeline.cli import options
from schemas.bad_input import BadInput


@click.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--model", metavar="DIR", help="A SavedModel; the newest one being served unless given.")
@options.configuration
def predict(images, model, load_configuration):
    """Print the age that a model reads from each of IMAGES, as CSV."""
    import csv
    import os
    import warnings

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Google's libraries announce the end of Python 3.10 to whoever imports them.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    from age.serving import prediction

    if model is None:
        model = prediction.newest_model(load_configuration().serving_dir)
    elif not os.path.exists(os.path.join(model, "saved_model.pb")):
        raise BadInput(f"{model}: no SavedModel there. Expected a directory such as <workdir>/serving/age/<version>.")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("file_name", "age"))
    unreadable = []
    for path, age, problem in prediction.predict_ages(model, images):
        writer.writerow((path, "" if age is None else f"{age:.1f}"))
        if age is None:
            unreadable.append(f"{path}: {problem}")
    sys.stdout.flush()
    if unreadable:
        raise BadInput("No age could be read from:\n" + "\n".join(f"  {line}" for line in unreadable))


COMMANDS = (predict,)

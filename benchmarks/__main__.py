"""`make bench`: runs the measurements that are named, or all of them.

make bench ARGS='ingestion --data faces'
make bench ARGS='recipe --data faces --config configs/faces.yaml --minutes 20'
"""

import importlib
import os
import tempfile

import click

from benchmarks.options import Options

MEASUREMENTS = ("ingestion", "workers", "memory", "feeding", "rerun", "serving")
WHEN_NAMED = ("flink", "gate_power", "near_duplicates")
TRAININGS = ("recipe", "ablation", "label_errors")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(MEASUREMENTS + WHEN_NAMED + TRAININGS))
@click.option("--data", metavar="DIR", help="Faces in the input form; the drawn demo set unless given.")
@click.option("--repeats", default=3, show_default=True, help="How often each side of a comparison runs.")
@click.option(
    "--config",
    metavar="FILE",
    help="The recipe that recipe and ablation train, and label_errors looks with; the defaults unless given.",
)
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Override a value of it.")
@click.option(
    "--faces",
    metavar="N",
    type=click.IntRange(min=30),
    help="So many of the faces, for recipe and ablation; all unless given.",
)
@click.option("--minutes", default=20.0, show_default=True, help="Of each training of recipe and ablation.")
@click.option(
    "--seeds", default=1, show_default=True, help="With how many seeds ablation trains each variant, or label_errors draws."
)
@click.option("--out", metavar="FILE", help="Where ablation writes its table, as Markdown.")
def main(names, data, repeats, config, overrides, faces, minutes, seeds, out):
    """Measure ingestion, with two workers too, its memory, feeding from the feature cache, a rerun with
    nothing changed, and asking a model about files and over HTTP.

    Three are measured when they are named: `flink`, which needs the cluster that `make flink-up` starts, `gate_power`, which
    draws how often the comparison with the champion refuses a candidate, and `near_duplicates`, which ingests with and without
    looking for them.

    So are two that train networks on faces (--data): `recipe` sets our recipe against the one that students are taught, and
    `ablation` leaves its ingredients out, one after the other. `label_errors` draws labels anew, and counts how many of them the list
    of labels worth a second look begins with.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with tempfile.TemporaryDirectory() as scratch:
        if data is None:
            from age.dataset.sources import sample_data

            data = os.path.join(scratch, "sample")
            sample_data.write_sample_data(data)
        for name in names or MEASUREMENTS:
            directory = os.path.join(scratch, name)
            os.makedirs(directory)
            click.echo(f"\n{name}")
            told = Options(faces, minutes, config, overrides, repeats, seeds, out) if name in TRAININGS else repeats
            for line in importlib.import_module(f"benchmarks.{name}").measure(os.path.abspath(data), directory, told):
                click.echo(f"  {line}")


if __name__ == "__main__":
    main()

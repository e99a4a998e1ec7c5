"""`make bench`: runs the measurements that are named, or all of them.

make bench ARGS='ingestion --data faces'
"""

import importlib
import os
import tempfile

import click

MEASUREMENTS = ("ingestion", "workers", "memory", "feeding", "rerun", "serving")
WHEN_NAMED = ("flink", "gate_power")


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(MEASUREMENTS + WHEN_NAMED))
@click.option("--data", metavar="DIR", help="Faces in the input form; the drawn demo set unless given.")
@click.option("--repeats", default=3, show_default=True, help="How often each side of a comparison runs.")
def main(names, data, repeats):
    """Measure ingestion, with two workers too, its memory, feeding from the feature cache, a rerun with
    nothing changed, and asking a model about files and over HTTP.

    Two are measured when they are named: `flink`, which needs the cluster that `make flink-up` starts, and `gate_power`, which
    draws how often the comparison with the champion refuses a candidate.
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
            for line in importlib.import_module(f"benchmarks.{name}").measure(os.path.abspath(data), directory, repeats):
                click.echo(f"  {line}")


if __name__ == "__main__":
    main()

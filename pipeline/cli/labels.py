"""Labels worth a second look: `labels check`, `list`, `accept`, `export`."""

import os

import click

from pipeline.cli import options


@click.group()
def labels():
    """Find labels that are probably wrong, and export a label file with the corrections that somebody accepted.

    RUN is the name of a run, its beginning, or 'latest'.
    """


def _run(load_configuration, name):
    from pipeline.terminal import past_runs

    workdir = load_configuration(for_run=False).workdir
    return past_runs.choose(past_runs.find(workdir), name, workdir)


@labels.command()
@click.argument("run", default="latest")
@options.configuration
def check(run, load_configuration):
    """Judge every label of a run's photographs by what models expect that did not see it.

    Takes minutes. Writes labels_to_check.csv, worst first, and labels_to_check.html beside the run's report.
    """
    from pipeline.terminal import run_display

    chosen = _run(load_configuration, run)
    cache = load_configuration(for_run=False).feature_cache_dir
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with run_display.on_standard_error(beside_rows=False):
        from pipeline.labels import checking

        found = checking.check(chosen, cache)
    click.echo(f"{found.issues:,} of {found.photographs:,} labels are more likely wrong than right.")
    click.echo(f"  about {100 * found.wrong_share:.1f} % of all are wrong, by the same estimate")
    click.echo(f"  list   {found.list}\n  page   {found.page}")


@labels.command("list")
@click.argument("run", default="latest")
@click.option("--count", default=20, show_default=True, type=click.IntRange(min=1), help="How many.")
@options.configuration
def list_labels(run, count, load_configuration):
    """Print the worst labels of a run that were not corrected yet."""
    import itertools

    from age.dataset import label_corrections, labels_to_check
    from age.untrusted_text import harmless

    directory = _run(load_configuration, run).directory
    corrected = label_corrections.read(os.path.join(directory, label_corrections.FILE_NAME))
    rows = labels_to_check.read(os.path.join(directory, labels_to_check.FILE_NAME))
    click.echo(f"{'right':>7}  {'label':>6}  {'expected':>8}  {'split':<10}  file")
    for row in itertools.islice((row for row in rows if row.file_name not in corrected), count):
        click.echo(
            f"{100 * row.quality:5.1f} %  {row.given:6g}  {row.predicted:8.0f}  {harmless(row.split):<10}  {harmless(row.file_name)}"
        )
    if corrected:
        click.echo(f"{len(corrected):,} more were corrected.")


@labels.command()
@click.argument("run")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option(
    "--age", type=click.FloatRange(min=0, max=130), help="The right age, years; the expected one, rounded, unless given."
)
@click.option("--by", metavar="NAME", required=True, help="Who has looked, for the exported file.")
@click.option("--reason", metavar="TEXT", default="", help="Why, for the record.")
@options.configuration
def accept(run, files, age, by, reason, load_configuration):
    """Note that the age of a photograph is another one. Nothing is changed in the data."""
    from age.dataset import label_corrections, labels_to_check
    from age.untrusted_text import harmless
    from schemas.bad_input import BadInput

    if not by.strip():
        raise click.UsageError("--by is empty; expected who has looked at the photograph.")
    directory = _run(load_configuration, run).directory
    listed = os.path.join(directory, labels_to_check.FILE_NAME)
    by_name = {row.file_name: row for row in labels_to_check.read(listed)}
    unknown = [name for name in files if name not in by_name]
    if unknown:
        raise BadInput(
            f"{listed}: there is no photograph {unknown[0]!r} in it; expected names as `age-pipeline labels list` prints them."
        )
    when = label_corrections.now()
    accepted = [
        label_corrections.Correction(
            name, by_name[name].given, float(round(by_name[name].predicted)) if age is None else age, by.strip(), when, reason
        )
        for name in dict.fromkeys(files)
    ]
    label_corrections.add(os.path.join(directory, label_corrections.FILE_NAME), accepted)
    for one in accepted:
        click.echo(f"{harmless(one.file_name)}: {one.age:g} in place of {one.age_before:g}")


@labels.command()
@click.argument("run")
@click.argument("out", metavar="OUT.csv")
@options.data
@options.configuration
def export(run, out, data, load_configuration):
    """Write a label file with the accepted corrections, what stood there before, and who changed it.

    Put it in the place of the data directory's labels.csv to learn from it.
    """
    from age.dataset import label_corrections
    from schemas import features
    from schemas.bad_input import BadInput

    chosen = _run(load_configuration, run)
    directory = data or chosen.verdict.data.directory
    if not directory:
        raise BadInput(f"{chosen.name}: its verdict does not say where its data are. Say it with --data.")
    corrections = label_corrections.read(os.path.join(chosen.directory, label_corrections.FILE_NAME))
    exported = label_corrections.export(os.path.join(directory, features.LABEL_FILE), corrections, out)
    click.echo(f"{exported.changed:,} of {exported.rows:,} rows have another age now: {out}")


COMMANDS = (labels,)

"""Where data sets come from: `sample-data`, `import-utkface` and `import-appa-real`."""

import click


@click.command("sample-data")
@click.argument("directory")
@click.option("--count", default=1500, show_default=True, help="Number of faces.")
@click.option("--image-size", default=64, show_default=True, help="Side, pixels.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same faces.")
def sample_data(directory, count, image_size, seed):
    """Draw the synthetic demo set into DIRECTORY: faces whose look depends on age."""
    from age.dataset.sources import sample_data as drawing

    drawing.write_sample_data(directory, count=count, image_size=image_size, seed=seed)
    click.echo(f"{directory}: {count} faces and labels.csv")


@click.command("import-utkface")
@click.argument("source")
@click.argument("destination")
def import_utkface(source, destination):
    """Turn UTKFace's downloaded folder SOURCE into the input form in DESTINATION."""
    from age.dataset.sources import import_utkface as importer

    click.echo(importer.import_utkface(source, destination))


@click.command("import-appa-real")
@click.argument("source")
@click.argument("destination")
def import_appa_real(source, destination):
    """Turn APPA-REAL's downloaded folder SOURCE into the input form in DESTINATION."""
    from age.dataset.sources import import_appa_real as importer

    click.echo(importer.import_appa_real(source, destination))


COMMANDS = (sample_data, import_utkface, import_appa_real)

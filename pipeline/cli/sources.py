"""Where data sets come from: `sample-data` and an `import-…` for each data set that is known."""

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


@click.command("import-fgnet")
@click.argument("source")
@click.argument("destination")
def import_fgnet(source, destination):
    """Turn FG-NET's downloaded folder SOURCE into the input form in DESTINATION, with person_id."""
    from age.dataset.sources import import_fgnet as importer

    click.echo(importer.import_fgnet(source, destination))


@click.command("import-all-age-faces")
@click.argument("source")
@click.argument("destination")
def import_all_age_faces(source, destination):
    """Turn All-Age-Faces' downloaded folder SOURCE into the input form in DESTINATION, with person_id."""
    from age.dataset.sources import import_all_age_faces as importer

    click.echo(importer.import_all_age_faces(source, destination))


@click.command("import-agedb")
@click.argument("source")
@click.argument("destination")
def import_agedb(source, destination):
    """Turn AgeDB's downloaded folder SOURCE into the input form in DESTINATION, with person_id."""
    from age.dataset.sources import import_agedb as importer

    click.echo(importer.import_agedb(source, destination))


@click.command("import-morph")
@click.argument("source")
@click.argument("destination")
def import_morph(source, destination):
    """Turn MORPH's downloaded folder SOURCE into the input form in DESTINATION, with person_id."""
    from age.dataset.sources import import_morph as importer

    click.echo(importer.import_morph(source, destination))


@click.command("import-imdb-wiki")
@click.argument("source")
@click.argument("destination")
def import_imdb_wiki(source, destination):
    """Turn SOURCE, a part of IMDB-WIKI, into the input form in DESTINATION, with person_id."""
    from age.dataset.sources import import_imdb_wiki as importer

    click.echo(importer.import_imdb_wiki(source, destination))


COMMANDS = (
    sample_data,
    import_utkface,
    import_appa_real,
    import_fgnet,
    import_all_age_faces,
    import_agedb,
    import_morph,
    import_imdb_wiki,
)

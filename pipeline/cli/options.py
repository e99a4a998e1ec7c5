"""Options that several commands share."""

import functools
from collections.abc import Callable

import click

data = click.option("--data", metavar="DIR", help="Directory with labels.csv and images (data.dir).")

face_detector = click.option(
    "--face-detector", metavar="FILE", help="The model file of OpenCV's YuNet, which finds faces (data.face_detector)."
)


def configuration(command: Callable) -> Callable:
    """Adds the options that choose a configuration.

        @click.command()
        @options.configuration
        def explain(load_configuration):
            configured = load_configuration(for_cluster=True)

    The command takes `load_configuration`, which reads what was chosen and takes the further arguments of
    `pipeline.configuration.load`.
    """

    @click.option("--config", metavar="FILE", help="YAML configuration; the ready-made ones are in configs/.")
    @click.option("--workdir", metavar="DIR", help="Where the run keeps everything (workdir).")
    @click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Override a value, such as trainer.epochs=5.")
    @functools.wraps(command)
    def with_configuration(config, workdir, overrides, **further):
        def load_configuration(**arguments):
            from pipeline.configuration import load

            return load(config, overrides, workdir=workdir, **arguments)

        return command(load_configuration=load_configuration, **further)

    return with_configuration

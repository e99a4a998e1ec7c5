"""The command line, `age-pipeline`. Libraries load inside the commands, so that `--help` answers at once."""

import sys
import traceback

import click

from pipeline.terminal.inert_text import inert_lines
from schemas.bad_input import BadInput

EXIT_DONE = 0
EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_NOT_BLESSED = 3


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli():
    """Learn a person's age from a photograph: from a folder of faces to a gated, served model.

    Exit status: 0 done (and blessed, for run), 2 bad usage or bad input, 3 the run finished and the model was not
    blessed, 1 anything else.
    """


def _configured(command):
    """Adds the options that choose a configuration."""
    for option in reversed(
        (
            click.option("--config", metavar="FILE", help="YAML configuration; the ready-made ones are in configs/."),
            click.option("--workdir", metavar="DIR", help="Where the run keeps everything (workdir)."),
            click.option(
                "--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Override a value, such as trainer.epochs=5."
            ),
        )
    ):
        command = option(command)
    return command


@cli.command()
@click.option("--data", metavar="DIR", help="Directory with labels.csv and images (data.dir).")
@_configured
def run(data, config, workdir, overrides):
    """Run the whole pipeline on this machine and say whether the model may serve."""
    from pipeline import configuration
    from pipeline.local import local_runner
    from pipeline.terminal import run_display, verdict_text

    configured = configuration.load(config, overrides, data_dir=data, workdir=workdir)
    with run_display.on_standard_output() as display:
        verdict = local_runner.run(configured, display=display)
    _say(verdict_text.verdict_text(verdict))
    sys.exit(EXIT_DONE if verdict["blessed"] else EXIT_NOT_BLESSED)


@cli.command()
@click.option("--data", metavar="DIR", help="Directory with labels.csv and images (data.dir).")
@_configured
def explore(data, config, workdir, overrides):
    """Look at the data alone, before any training, and say whether the data gate would let a run go on.

    Exit status: 0 it would, 2 it would not.
    """
    from pipeline import configuration
    from pipeline.local import local_runner
    from pipeline.terminal import data_text, run_display

    configured = configuration.load(config, overrides, data_dir=data, workdir=workdir)
    with run_display.on_standard_output() as display:
        verdict = local_runner.explore(configured, display=display)
    _say(data_text.data_text(verdict))
    sys.exit(EXIT_BAD_INPUT if verdict["stopped_by"] else EXIT_DONE)


@cli.command()
@click.argument("run", required=False)
@click.option("--open", "open_page", is_flag=True, help="Open its page in a browser; that of the latest unless RUN is given.")
@click.option("--compare", nargs=2, metavar="A B", help="Show two runs side by side.")
@_configured
def report(run, open_page, compare, config, workdir, overrides):
    """List the runs of a workdir, or print one.

    RUN, A and B are names from the list, their beginnings, or 'latest'.
    """
    from pipeline import configuration
    from pipeline.terminal import past_runs, runs_text

    if compare and (run or open_page):
        raise click.UsageError("--compare takes its two runs and goes with neither RUN nor --open.")
    where = configuration.load(config, overrides, workdir=workdir).workdir
    runs = past_runs.find(where)
    if compare:
        runs_text.print_comparison(*(past_runs.choose(runs, name, where) for name in compare))
    elif open_page:
        past_runs.open_page(past_runs.choose(runs, run or past_runs.LATEST, where), _say)
    elif run:
        runs_text.print_details(past_runs.choose(runs, run, where))
    else:
        runs_text.print_list(runs, where)


@cli.command()
@click.argument("images", nargs=-1, required=True)
@click.option("--model", metavar="DIR", help="A SavedModel; the newest one being served unless given.")
@_configured
def predict(images, model, config, workdir, overrides):
    """Print the age that a model reads from each of IMAGES, as CSV."""
    import csv
    import os
    import warnings

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # Google's libraries announce the end of Python 3.10 to whoever imports them.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"google\.")
    from age.serving import prediction
    from pipeline import configuration

    if model is None:
        model = prediction.newest_model(configuration.load(config, overrides, workdir=workdir).serving_dir)
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


@cli.command("compile")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where the specification goes, such as age_pipeline.yaml.")
@_configured
def compile_pipeline(output, config, workdir, overrides):
    """Compile the pipeline for Kubeflow Pipelines."""
    from pipeline import configuration
    from pipeline.kubeflow import compiler

    text = compiler.compile_specification(configuration.load(config, overrides, workdir=workdir, for_cluster=True))
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(f"{output}: can't be written: {error.strerror}.") from error
    _say(f"{output}: upload it to Kubeflow Pipelines, or let 'age-pipeline submit' do so.")


@cli.command()
@click.option("--host", metavar="URL", required=True, help="Address of Kubeflow Pipelines, such as http://localhost:8080.")
@click.option("--experiment", metavar="NAME", help="Where the run belongs (kubeflow.experiment).")
@click.option("--param", "assignments", metavar="NAME=VALUE", multiple=True, help="A parameter of the run, such as epochs=5.")
@click.option("--recurring", metavar="CRON", help="Start it again and again, such as '0 3 * * 1'.")
@click.option("--wait", is_flag=True, help="Follow the run, and end with its verdict as exit status.")
@_configured
def submit(host, experiment, assignments, recurring, wait, config, workdir, overrides):
    """Compile the pipeline, upload it to Kubeflow Pipelines and start a run."""
    from pipeline import configuration
    from pipeline.kubeflow import compiler, submission

    if recurring and wait:
        raise BadInput("--recurring and --wait: a recurring run has no end to wait for. Leave one of them out.")
    cron = submission.six_field_cron(recurring) if recurring else None
    configured = configuration.load(config, overrides, workdir=workdir, for_cluster=True)
    connected = submission.Submission(host, configured.kubeflow, _say)
    experiment_id = connected.experiment(experiment or configured.kubeflow.experiment)
    specification = compiler.compile_specification(configured)
    parameters = submission.read_parameters(assignments, submission.declared_parameters(specification))
    pipeline_id, version_id = connected.upload(specification)
    if cron:
        connected.start_recurring(experiment_id, pipeline_id, version_id, parameters, cron)
        return
    run_id = connected.start(experiment_id, pipeline_id, version_id, parameters)
    if wait:
        ending = connected.wait(run_id)
        _say(f"The run ended: {ending}.")
        sys.exit(
            {
                submission.BLESSED: EXIT_DONE,
                submission.NOT_BLESSED: EXIT_NOT_BLESSED,
                submission.STOPPED: EXIT_BAD_INPUT,
                submission.FAILED: EXIT_FAILED,
            }[ending]
        )


@cli.command("sample-data")
@click.argument("directory")
@click.option("--count", default=1500, show_default=True, help="Number of faces.")
@click.option("--image-size", default=64, show_default=True, help="Side, pixels.")
@click.option("--seed", default=0, show_default=True, help="The same seed draws the same faces.")
def sample_data(directory, count, image_size, seed):
    """Draw the synthetic demo set into DIRECTORY: faces whose look depends on age."""
    from age.dataset.sources import sample_data as drawing

    drawing.write_sample_data(directory, count=count, image_size=image_size, seed=seed)
    _say(f"{directory}: {count} faces and labels.csv")


@cli.command("import-utkface")
@click.argument("source")
@click.argument("destination")
def import_utkface(source, destination):
    """Turn UTKFace's downloaded folder SOURCE into the input form in DESTINATION."""
    from age.dataset.sources import import_utkface as importer

    _say(str(importer.import_utkface(source, destination)))


@cli.command("import-appa-real")
@click.argument("source")
@click.argument("destination")
def import_appa_real(source, destination):
    """Turn APPA-REAL's downloaded folder SOURCE into the input form in DESTINATION."""
    from age.dataset.sources import import_appa_real as importer

    _say(str(importer.import_appa_real(source, destination)))


def main() -> None:
    """Runs the command line and turns every ending into a sentence and an exit status."""
    try:
        cli.main(standalone_mode=False)
    except BadInput as error:
        click.echo(f"Error: {inert_lines(error)}", err=True)
        sys.exit(EXIT_BAD_INPUT)
    except click.ClickException as error:
        error.show()
        sys.exit(EXIT_BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(EXIT_FAILED)
    except Exception as error:
        from pipeline.kubeflow import submission
        from pipeline.local import local_runner

        if isinstance(error, local_runner.RunStopped):
            click.echo(inert_lines(error), err=True)
        elif isinstance(error, (local_runner.RunFailed, submission.SubmissionFailed)):
            click.echo(f"Error: {inert_lines(error)}", err=True)
        else:
            click.echo(
                f"Error: {type(error).__name__}: {inert_lines(error)}\n"
                "This is a fault of the pipeline's own; the lines below say where.",
                err=True,
            )
            traceback.print_exc()
        sys.exit(EXIT_FAILED)

"""Kubeflow Pipelines: `compile` and `submit`."""

import sys

import click

from pipeline.cli import options
from schemas import exit_status
from schemas.bad_input import BadInput


@click.command("compile")
@click.option("-o", "--output", metavar="FILE", required=True, help="Where the specification goes, such as age_pipeline.yaml.")
@options.configuration
def compile_pipeline(output, load_configuration):
    """Compile the pipeline for Kubeflow Pipelines."""
    from pipeline.kubeflow import compiler

    text = compiler.compile_specification(load_configuration(for_cluster=True))
    try:
        with open(output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(f"{output}: can't be written: {error.strerror}.") from error
    click.echo(f"{output}: upload it to Kubeflow Pipelines, or let 'age-pipeline submit' do so.")


@click.command()
@click.option("--host", metavar="URL", required=True, help="Address of Kubeflow Pipelines, such as http://localhost:8080.")
@click.option("--experiment", metavar="NAME", help="Where the run belongs (kubeflow.experiment).")
@click.option("--param", "assignments", metavar="NAME=VALUE", multiple=True, help="A parameter of the run, such as epochs=5.")
@click.option("--recurring", metavar="CRON", help="Start it again and again, such as '0 3 * * 1'.")
@click.option("--wait", is_flag=True, help="Follow the run, and end with its verdict as exit status.")
@click.option(
    "--pending-timeout",
    metavar="MINUTES",
    type=click.FloatRange(min=0, min_open=True),
    default=15.0,
    show_default=True,
    help="How long --wait lets a step wait to start: for a node, or for its image.",
)
@click.option("--insecure", is_flag=True, help="Send tokens, cookies and headers over plain http to another machine too.")
@options.configuration
def submit(host, experiment, assignments, recurring, wait, pending_timeout, insecure, load_configuration):
    """Compile the pipeline, upload it to Kubeflow Pipelines and start a run."""
    from pipeline.kubeflow import compiler, following, installation, submission

    if recurring and wait:
        raise BadInput("--recurring and --wait: a recurring run has no end to wait for. Leave one of them out.")
    cron = submission.six_field_cron(recurring) if recurring else None
    configured = load_configuration(for_cluster=True)
    connected = installation.Installation(host, configured.kubeflow.connection, insecure)
    submitted = submission.Submission(connected, configured.kubeflow, click.echo)
    experiment_id = submitted.experiment(experiment or configured.kubeflow.experiment)
    specification = compiler.compile_specification(configured)
    parameters = submission.read_parameters(assignments, submission.declared_parameters(specification))
    pipeline_id, version_id = submitted.upload(specification)
    if cron:
        submitted.start_recurring(experiment_id, pipeline_id, version_id, parameters, cron)
        return
    run_id = submitted.start(experiment_id, pipeline_id, version_id, parameters)
    if wait:
        ending = following.follow(connected, run_id, click.echo, pending_timeout * 60)
        click.echo(f"The run ended: {ending}.")
        sys.exit(
            {
                following.BLESSED: exit_status.DONE,
                following.NOT_BLESSED: exit_status.NOT_BLESSED,
                following.STOPPED: exit_status.BAD_INPUT,
                following.FAILED: exit_status.FAILED,
            }[ending]
        )


COMMANDS = (compile_pipeline, submit)

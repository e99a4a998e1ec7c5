"""What is being served, and changing it: `serving list`, `history`, `approve`, `rollback`, `withdraw`, `restore` and `prune`."""

from collections.abc import Callable, Sequence

import click

from pipeline.cli import options
from schemas.bad_input import BadInput

_VERBS = {"withdrawn": ("withdraw", "withdrew"), "restored": ("restore", "restored"), "pruned": ("remove", "removed")}


@click.group()
def serving():
    """List the versions of the serving directory and their history, approve models, and take versions away or back.

    Nothing is trained: a server takes up a change within seconds.
    """


_dry_run = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def _changing(command: Callable) -> Callable:
    """Adds the options that every change of which versions are there has."""
    for option in reversed(
        (
            _dry_run,
            click.option("--by", metavar="NAME", default="", help="Who does it, for the history; the user unless given."),
            click.option("--reason", metavar="TEXT", default="", help="Why, for the history."),
        )
    ):
        command = option(command)
    return options.configuration(command)


def _directory(load_configuration):
    from age.serving.serving_directory import ServingDirectory

    return ServingDirectory(load_configuration(for_run=False).serving_dir)


def _carry_out(directory, plan: Callable[[], Sequence], dry_run: bool, by: str, reason: str) -> None:
    changes = plan() if dry_run else directory.carry_out(plan, by=by, why=reason)
    for change in changes:
        would, did = _VERBS[change.what]
        click.echo(f"would {would} {change.version}" if dry_run else f"{did} {change.version}")
    if not changes:
        click.echo("nothing to do")
    versions = {served.version for served in directory.versions()}
    if dry_run:
        versions |= {change.version for change in changes if change.what == "restored"}
        versions -= {change.version for change in changes if change.what != "restored"}
    click.echo(f"{'then served' if dry_run else 'being served'}: {max(versions, default='nothing')}")


@serving.command("list")
@options.configuration
def list_versions(load_configuration):
    """List the versions, newest first: the first one is being served."""
    from pipeline.terminal import serving_text

    serving_text.print_versions(_directory(load_configuration))


@serving.command()
@options.configuration
def history(load_configuration):
    """List what happened to versions, oldest first."""
    from pipeline.terminal import serving_text

    serving_text.print_history(_directory(load_configuration))


@serving.command()
@click.argument("run")
@_dry_run
@click.option("--by", metavar="NAME", required=True, help="Who approves, for the history and the run's report.")
@click.option("--reason", metavar="TEXT", required=True, help="Why, likewise.")
@options.configuration
def approve(run, dry_run, by, reason, load_configuration):
    """Push the model of RUN, which waits for it (pusher.approval: manual), and say so in the run's report.

    RUN is a name from `serving list`, or a beginning of it that no other has. Nothing is pushed when another model is being
    served by now than the one that this one was compared with.
    """
    from age.serving.serving_directory import Withdrawn
    from pipeline import approval

    directory = _directory(load_configuration)
    waiting = approval.choose(directory, run)
    report = approval.report_of(waiting, load_configuration(for_run=False).reports_dir)
    try:
        if dry_run:
            approval.require_approvable(directory, waiting, report)
            click.echo(f"would push the model of {waiting.candidate.run}")
            return
        approved = approval.approve(directory, waiting, report, by=by, reason=reason)
    except Withdrawn as withdrawn:
        raise BadInput(str(withdrawn)) from withdrawn
    click.echo(f"pushed the model of {waiting.candidate.run}\nbeing served: {approved.served.path}")
    click.echo(
        f"report: {report}"
        if report
        else f"The report of the run can't be reached from here ({waiting.candidate.report_dir}) and still says that it waits."
    )


@serving.command()
@click.argument("version", type=int, required=False)
@_changing
def rollback(version, dry_run, by, reason, load_configuration):
    """Have VERSION served again, by withdrawing all that are newer; the version before the newest unless given."""
    directory = _directory(load_configuration)
    _carry_out(directory, lambda: directory.planned_rollback(version), dry_run, by, reason)


@serving.command()
@click.argument("version", type=int)
@_changing
def withdraw(version, dry_run, by, reason, load_configuration):
    """Take VERSION away; `restore` brings it back, a run does not."""
    directory = _directory(load_configuration)
    _carry_out(directory, lambda: directory.planned_withdrawal(version), dry_run, by, reason)


@serving.command()
@click.argument("version", type=int)
@_changing
def restore(version, dry_run, by, reason, load_configuration):
    """Bring a withdrawn VERSION back; it is being served if no version is newer."""
    directory = _directory(load_configuration)
    _carry_out(directory, lambda: directory.planned_restoring(version), dry_run, by, reason)


@serving.command()
@click.option("--keep", metavar="N", type=int, required=True, help="How many of the newest versions stay, at least 2.")
@_changing
def prune(keep, dry_run, by, reason, load_configuration):
    """Remove old versions for good, never the one being served nor the one before it; withdrawn ones stay."""
    if keep < 2:
        raise BadInput(f"--keep {keep}: the version being served and the one before it always stay. Expected 2 or more.")
    directory = _directory(load_configuration)
    _carry_out(directory, lambda: directory.planned_pruning(keep), dry_run, by, reason)


COMMANDS = (serving,)

"""What is being served, and changing it: `serving list`, `history`, `approve`, `decline`, `rollback`, `withdraw`, `restore`, `prune`."""

import functools
from collections.abc import Callable

import click

from pipeline.cli import options
from schemas.bad_input import BadInput

_VERBS = {"withdrawn": ("withdraw", "withdrew"), "restored": ("restore", "restored"), "pruned": ("remove", "removed")}


@click.group()
def serving():
    """List the versions of the serving directory and their history, decide on models that wait, and take versions away or back.

    Nothing is trained: a server takes up a change within seconds.
    """


def _changing(who: str, why: str, required: bool = False) -> Callable[[Callable], Callable]:
    """Adds the options that every change has.

    Args:
        who: what `--by` says, for the help.
        why: what `--reason` says, likewise.
        required: whether these two must be given.
    """

    def with_options(command: Callable) -> Callable:
        for option in (
            click.option("--reason", metavar="TEXT", required=required, help=why),
            click.option("--by", metavar="NAME", required=required, help=who),
            click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing."),
        ):
            command = option(command)
        return options.configuration(command)

    return with_options


def _directory(load_configuration):
    from age.serving.serving_directory import ServingDirectory

    return ServingDirectory(load_configuration(for_run=False).serving_dir)


def _of_versions(plan: Callable) -> click.Command:
    """Makes a command of a function that returns what it changes of a serving directory's versions."""

    @serving.command(plan.__name__)
    @_changing("Who does it, for the history; the user unless given.", "Why, for the history.")
    @functools.wraps(plan)
    def change(dry_run, by, reason, load_configuration, **chosen):
        directory = _directory(load_configuration)
        planned = functools.partial(plan, directory, **chosen)
        changes = planned() if dry_run else directory.carry_out(planned, by=by or "", why=reason or "")
        for step in changes:
            would, did = _VERBS[step.what]
            click.echo(f"would {would} {step.version}" if dry_run else f"{did} {step.version}")
        if not changes:
            click.echo("nothing to do")
        versions = {served.version for served in directory.versions()}
        if dry_run:
            versions |= {step.version for step in changes if step.what == "restored"}
            versions -= {step.version for step in changes if step.what != "restored"}
        click.echo(f"{'then served' if dry_run else 'being served'}: {max(versions, default='nothing')}")

    return change


def _of_waiting(decide: Callable) -> click.Command:
    """Makes a command of a function that decides on the model of a run, which waits for approval."""

    @serving.command(decide.__name__)
    @click.argument("run")
    @_changing("Who decides, for the history and the run's report.", "Why, likewise.", required=True)
    @functools.wraps(decide)
    def decision(run, dry_run, by, reason, load_configuration):
        from age.serving.serving_directory import Withdrawn
        from pipeline import approval

        directory = _directory(load_configuration)
        waiting = approval.choose(directory, run)
        report = approval.report_of(waiting, load_configuration(for_run=False).reports_dir)
        approval.require_reported(report)
        try:
            decide(directory, waiting, report, by, reason, dry_run)
        except Withdrawn as withdrawn:
            raise BadInput(str(withdrawn)) from withdrawn
        if not dry_run:
            missing = f"The report of the run can't be reached from here ({waiting.candidate.report_dir}) and still says that it waits."
            click.echo(f"report: {report}" if report else missing)

    return decision


@serving.command("list")
@options.configuration
def list_versions(load_configuration):
    """List the versions, newest first: the first one is being served. Then what was withdrawn, and what waits for approval."""
    from pipeline.terminal import serving_text

    serving_text.print_versions(_directory(load_configuration))


@serving.command()
@options.configuration
def history(load_configuration):
    """List what happened to versions, oldest first."""
    from pipeline.terminal import serving_text

    serving_text.print_history(_directory(load_configuration))


@_of_waiting
def approve(directory, waiting, report, by, reason, dry_run):
    """Push the model of RUN, which waits for it (pusher.approval: manual), and say so in the run's report.

    RUN is a name from `serving list`, or a beginning of it that no other has. Nothing is pushed when another model is being
    served by now than the one that this one was compared with.
    """
    from pipeline import approval

    if dry_run:
        directory.require_approvable(waiting)
        click.echo(f"would push the model of {waiting.candidate.run}")
        return
    approved = approval.approve(directory, waiting, report, by=by, reason=reason)
    click.echo(f"pushed the model of {waiting.candidate.run}\nbeing served: {approved.served.path}")


@_of_waiting
def decline(directory, waiting, report, by, reason, dry_run):
    """Remove the model of RUN, which waits for approval, and say so in the run's report. The same model does not wait again.

    RUN is a name from `serving list`, or a beginning of it that no other has.
    """
    from pipeline import approval

    if not dry_run:
        approval.decline(directory, waiting, report, by=by, reason=reason)
    click.echo(f"{'would decline' if dry_run else 'declined'} the model of {waiting.candidate.run}")


@_of_versions
@click.argument("version", type=int, required=False)
def rollback(directory, version):
    """Have VERSION served again, by withdrawing all that are newer; the version before the newest unless given."""
    return directory.planned_rollback(version)


@_of_versions
@click.argument("version", type=int)
def withdraw(directory, version):
    """Take VERSION away; `restore` brings it back, a run does not."""
    return directory.planned_withdrawal(version)


@_of_versions
@click.argument("version", type=int)
def restore(directory, version):
    """Bring a withdrawn VERSION back; it is being served if no version is newer."""
    return directory.planned_restoring(version)


@_of_versions
@click.option("--keep", metavar="N", type=int, required=True, help="How many of the newest versions stay, at least 2.")
def prune(directory, keep):
    """Remove old versions for good, never the one being served nor the one before it; withdrawn ones stay."""
    if keep < 2:
        raise BadInput(f"--keep {keep}: the version being served and the one before it always stay. Expected 2 or more.")
    return directory.planned_pruning(keep)


COMMANDS = (serving,)

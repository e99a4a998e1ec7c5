"""What past runs said: `report`."""

import click

from pipeline.cli import options


@click.command()
@click.argument("run", required=False)
@click.option("--open", "open_page", is_flag=True, help="Open its page in a browser; that of the latest unless RUN is given.")
@click.option("--compare", nargs=2, metavar="A B", help="Show two runs side by side.")
@click.option("--trend", is_flag=True, help="Write a page about all runs, reports/index.html; --open opens it.")
@options.configuration
def report(run, open_page, compare, trend, load_configuration):
    """List the runs of a workdir, or print one.

    RUN, A and B are names from the list, their beginnings, or 'latest'.
    """
    from pipeline.terminal import past_runs, runs_text

    if compare and (run or open_page):
        raise click.UsageError("--compare takes its two runs and goes with neither RUN nor --open.")
    if trend and (run or compare):
        raise click.UsageError("--trend is about all runs and goes with neither RUN nor --compare.")
    configuration = load_configuration()
    where = configuration.workdir
    runs = past_runs.find(where)
    if trend:
        from pipeline.terminal import runs_trend

        runs_trend.write(runs, where, configuration.serving_dir, open_page, click.echo)
    elif compare:
        runs_text.print_comparison(*(past_runs.choose(runs, name, where) for name in compare))
    elif open_page:
        past_runs.open_page(past_runs.choose(runs, run or past_runs.LATEST, where), click.echo)
    elif run:
        runs_text.print_details(past_runs.choose(runs, run, where))
    else:
        runs_text.print_list(runs, where)


COMMANDS = (report,)

"""A search for hyperparameters in a terminal: its trials as a table, and what to do with the best."""

from age.reporting import trials
from pipeline.terminal.runs_text import Page
from schemas.verdict import Search

_NUMBERS = ("trial", "validation_mae", "epochs", "seconds")


def print_search(search: Search, best: str, table: str, search_dir: str) -> None:
    """Prints the trials, the best one first.

    Args:
        search: with a best trial.
        best: path of the file of the best hyperparameters.
        table: path of the table of trials.
        search_dir: where TensorBoard's summaries are.
    """
    page = Page()
    heading, *rows = trials.rows(search)
    names = [name.removeprefix("trainer.").replace("_", " ") for name in heading]
    page.table([f">{shown}" if name in _NUMBERS else shown for name, shown in zip(heading, names)], rows)
    page.say(
        f"Best hyperparameters: {best}\n"
        f"To train with them in another run: --set tuner=null --set trainer.hyperparameters={best}\n"
        f"The trials as a table: {table}\n"
        f"In TensorBoard: tensorboard --logdir {search_dir}"
    )

"""Where an evaluation leaves what it found."""

import datetime
import os

from schemas.bad_input import BadInput

EVALUATIONS = "evaluations"
"""The folder of a workdir in which every evaluation leaves one of its own."""


def new(wanted: str | None, below: str) -> str:
    """Makes a directory for an evaluation, and returns it.

    Args:
        wanted: the directory that was asked for; None for one that is named by the time.
        below: where that one is made.

    Raises:
        BadInput: it has something in it, or can't be made.
    """
    directory = wanted or os.path.join(below, datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%d-%H%M%S"))
    try:
        os.makedirs(directory, exist_ok=True)
        if os.listdir(directory):
            raise BadInput(f"{directory}: there is something in it already. Name a directory that is empty or not there yet.")
    except OSError as error:
        raise BadInput(f"{directory}: can't be made: {error.strerror or error}.") from error
    return os.path.abspath(directory)

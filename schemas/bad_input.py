"""The exception that means "what you gave us can't be used"."""

from schemas import exit_status
from schemas.failures import Failure


class BadInput(Failure, ValueError):
    """Input from outside that can't be used, explained in a sentence for the person who gave it.

    The message says what was found, where, what was expected and what to do. The command line prints it alone
    (the traceback goes to the log file) and exits with status 2.
    """

    exit_status = exit_status.BAD_INPUT
    final = True

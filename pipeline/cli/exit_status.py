"""What the status of a finished command says to the script that started it."""

DONE = 0
FAILED = 1
BAD_INPUT = 2
NOT_BLESSED = 3

"""What the status of a finished command, or of a container, says to what started it (README, "Exit statuses")."""

DONE = 0
FAILED = 1
BAD_INPUT = 2
NOT_BLESSED = 3
PHOTOGRAPHS_UNREAD = 4
"""`predict` answered for the others."""
DRIFTED = 5
"""`drift` found drift."""

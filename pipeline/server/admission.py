"""Bounds what the server holds at once: requests, and the bytes of their bodies."""

import contextlib
from collections.abc import Iterator

from pipeline.server.refusal import Refusal

_RETRY_AFTER = {"Retry-After": "1"}


class Place:
    """A request's place: it may hold bytes while it has it."""

    def __init__(self, admission: "Admission"):
        self._admission = admission
        self.held = 0

    def hold(self, count: int) -> None:
        """Adds to the bytes that the request holds.

        Raises:
            Refusal: all requests together hold too many.
        """
        if self._admission.held + count > self._admission.most_bytes:
            raise Refusal(429, "Too much is waiting to be answered. Try again in a moment.", _RETRY_AFTER)
        self.held += count
        self._admission.held += count


class Admission:
    """The places that there are.

    Args:
        most_requests: requests at once.
        most_bytes: bytes of all of them together.

    Attributes:
        requests: how many have a place.
        held: how many bytes they hold.
    """

    def __init__(self, most_requests: int, most_bytes: int):
        self.most_requests, self.most_bytes = most_requests, most_bytes
        self.requests = self.held = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[Place]:
        """Gives a request a place while the context lasts.

        Raises:
            Refusal: there is none.
        """
        if self.requests >= self.most_requests:
            raise Refusal(
                429, f"{self.requests} requests are being answered, which is the most. Try again in a moment.", _RETRY_AFTER
            )
        place = Place(self)
        self.requests += 1
        try:
            yield place
        finally:
            self.requests -= 1
            self.held -= place.held

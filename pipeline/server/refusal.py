"""Why a request is not answered: a status of HTTP and a sentence."""

from collections.abc import Mapping


class Refusal(Exception):
    """A request is refused.

    Attributes:
        status: of HTTP.
        headers: that go with it.
    """

    def __init__(self, status: int, sentence: str, headers: Mapping[str, str] | None = None):
        super().__init__(sentence)
        self.status = status
        self.headers = dict(headers or {})


class ClientGone(Exception):
    """Nobody waits for the answer any more."""

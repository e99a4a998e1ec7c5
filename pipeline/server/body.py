"""Reads a request's body: so many bytes within so much time, and no more."""

import asyncio
import time

from starlette.requests import Request

from pipeline.server.admission import Place
from pipeline.server.refusal import ClientGone, Refusal

# A client that is still sending may not see an answer before it is done: it gets a little time and its bytes are thrown away.
_LINGER_SECONDS = 2.0


class Body:
    """The body of a request.

    Args:
        request: whose.
        largest: bytes.
        seconds: within which all of it must be there.

    Attributes:
        complete: whether all of it was received, kept or not.
    """

    def __init__(self, request: Request, largest: int, seconds: float):
        self._request = request
        self._largest = largest
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        announced = request.headers.get("content-length", "")
        self._announced = int(announced) if announced.isascii() and announced.isdigit() else None
        self.complete = self._announced == 0 or (self._announced is None and "transfer-encoding" not in request.headers)

    async def read(self, place: Place) -> bytes:
        """Returns all of it.

        Raises:
            Refusal: it is too large (413), too slow (408), or encoded (415).
            ClientGone: the client ended the connection.
        """
        encoding = self._request.headers.get("content-encoding", "identity")
        if encoding.lower() != "identity":
            raise Refusal(415, "The body has a content encoding. Send it as it is.")
        if self._announced is not None and self._announced > self._largest:
            raise self._too_large()
        parts, size = [], 0
        while not self.complete:
            part = await self._receive(self._deadline)
            size += len(part)
            if size > self._largest:
                raise self._too_large()
            place.hold(len(part))
            parts.append(part)
        return b"".join(parts)

    async def throw_away(self) -> None:
        """Receives what is still coming, for a moment."""
        deadline = time.monotonic() + _LINGER_SECONDS
        try:
            while not self.complete:
                await self._receive(deadline)
        except (Refusal, ClientGone):
            return

    async def _receive(self, deadline: float) -> bytes:
        try:
            message = await asyncio.wait_for(self._request.receive(), max(0.0, deadline - time.monotonic()))
        except asyncio.TimeoutError:
            raise Refusal(408, f"The body did not arrive within {self._seconds:g} seconds.") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.complete = not message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part

    def _too_large(self) -> Refusal:
        return Refusal(413, f"The body has more than {self._largest:,} bytes, the most that is read (serve.max_body).")

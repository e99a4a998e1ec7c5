"""Connections that must say what they want within a while: uvicorn waits for a request's headers forever."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


class Connection(H11Protocol):
    """uvicorn's connection, which is closed where headers are slow to come.

    Args:
        header_seconds: that a client has for the headers of a request, from its first byte on or from when it connected.
    """

    def __init__(self, *arguments: Any, header_seconds: float, **named: Any):
        super().__init__(*arguments, **named)
        self._header_seconds = header_seconds
        self._header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        if self._header_timer is None and self.conn.their_state is h11.IDLE:
            self._watch()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._unwatch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._header_timer = self.loop.call_later(self._header_seconds, self._close)

    def _unwatch(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _close(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self.transport.abort()

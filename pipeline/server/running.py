"""Starts the server, and ends it when it is told to without dropping a request."""

import ctypes
import functools
import logging
import resource
import signal
import time
from types import FrameType

import uvicorn

from age.faces.detection import FaceDetector
from pipeline.server import json_log
from pipeline.server.application import Server
from pipeline.server.connections import Connection
from pipeline.server.settings import ServeSettings
from schemas.bad_input import BadInput

_LAST_ANSWERS_SECONDS = 20
_BACKLOG = 2048
_FILES = 65_536

# malloc.h of glibc.
_M_ARENA_MAX = -8
_ARENAS = 2

_EVENTS = logging.getLogger("age.server")


class _DrainingServer(uvicorn.Server):
    """uvicorn's server. After SIGTERM it goes on for a while and says that it is not ready, so that others stop asking it."""

    def __init__(self, config: uvicorn.Config, server: Server):
        super().__init__(config)
        self._server = server
        self._ends_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGTERM and not self._server.draining:
            self._server.draining = True
            self._ends_at = time.monotonic() + self._server.settings.drain_seconds
            return
        if self.should_exit:
            self.force_exit = True
        self._server.draining = self.should_exit = True

    async def on_tick(self, counter: int) -> bool:
        ends = await super().on_tick(counter)
        return ends or (self._ends_at is not None and time.monotonic() >= self._ends_at)

    async def startup(self, sockets=None) -> None:
        await super().startup(sockets)
        for listening in self.servers if self.started else []:
            for socket in listening.sockets:
                host, port = socket.getsockname()[:2]
                _EVENTS.info("listening", extra={"facts": {"host": host, "port": port}})


def serve(serving_dir: str, settings: ServeSettings, face_detector: str | None = None) -> None:
    """Serves until it is told to end.

    Args:
        serving_dir: the directory with the versions; it need not be there yet.
        settings: the `serve` section.
        face_detector: model file of YuNet; None for none.

    Raises:
        BadInput: it may not or can't listen there, or the face detector is missing or is none.
    """
    settings.check()
    if settings.faces and not face_detector:
        raise BadInput(
            "serve.faces needs a face detector: name the model file of OpenCV's YuNet with --face-detector FILE or data.face_detector."
        )
    detector = FaceDetector.load(face_detector) if face_detector else None
    json_log.start()
    if detector is None:
        _EVENTS.info("no face detector is configured (data.face_detector): nothing warns of photographs without a face")
    _allow_many_connections()
    _share_few_arenas()
    server = Server(serving_dir, settings, detector)
    config = uvicorn.Config(
        server.application(),
        host=settings.host,
        port=settings.port,
        http=functools.partial(Connection, header_seconds=settings.request_seconds),
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
    )
    try:
        _DrainingServer(config, server).run()
    except SystemExit as error:
        # uvicorn logs why and exits with 1 or 3.
        if error.code:
            raise BadInput(
                f"serve.host, serve.port: can't listen on {settings.host}:{settings.port} (the reason is above). Name another "
                "port with --port."
            ) from error


def _allow_many_connections() -> None:
    """Raises the number of open files that this process may have as far as it may itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _share_few_arenas() -> None:
    """Has the threads of this process take memory from a few places, where the C library can be told so.

    By default each thread has an arena of its own, and keeps in it what it once needed: with the batches of a network these are some
    fifty megabytes. What threads wait for each other is nothing beside a network's layer.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)

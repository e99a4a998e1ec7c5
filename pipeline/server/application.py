"""The routes of the server, and what happens to a request on its way: a place, a body, photographs, a batch, an answer."""

import asyncio
import contextlib
import hmac
import importlib.metadata
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from age.faces.detection import FaceDetector
from age.serving import Prediction, Predictor
from age.serving.face_predictor import NO_FACE_FOUND
from age.serving.version_being_served import VersionBeingServed
from pipeline.server import open_inference_protocol, page_files, tensorflow_serving
from pipeline.server.admission import Admission
from pipeline.server.batching import Batcher, Photograph
from pipeline.server.body import Body
from pipeline.server.faces import Answered, Checked, Faces
from pipeline.server.metrics import CONTENT_TYPE, Metrics
from pipeline.server.refusal import ClientGone, Refusal
from pipeline.server.settings import ServeSettings
from schemas.bad_input import BadInput

MODEL = "age"
VERSION_HEADER = "Model-Version"
REQUEST_HEADER = "X-Request-ID"

_LABEL = "stable"
"""The label of the version being served; TensorFlow Serving has labels that are given to versions by hand."""

_SMALL_BODY = 100_000
"""Bytes of a body that is read at once: a photograph takes less than a millisecond, and the way to another thread and back as much."""

_SHOWN_LENGTH = 60
_ACCESS = logging.getLogger("age.server.access")
_EVENTS = logging.getLogger("age.server")

Answering = Callable[[Request], Awaitable[Response]]


class Server:
    """All that the routes share.

    Args:
        serving_dir: the directory with the versions.
        settings: limits, and where the token is.
        detector: finds faces, to answer for them or to warn of photographs that are unlike what the model learnt from.

    Attributes:
        draining: whether it is about to end, and says that it is not ready.
    """

    def __init__(self, serving_dir: str, settings: ServeSettings, detector: FaceDetector | None = None):
        self.settings = settings
        self._faces = Faces(detector, settings.faces)
        self.metrics = Metrics()
        self.served = VersionBeingServed(serving_dir, self._tell)
        self.draining = False
        self._serving_dir = serving_dir
        self._admission = Admission(settings.max_requests, settings.max_waiting)
        self._batcher: Batcher | None = None
        self.metrics.requests_in_flight.set_function(lambda: self._admission.requests)
        self.metrics.waiting_bytes.set_function(lambda: self._admission.held)
        self.metrics.model_version.set_function(lambda: self.served.current.version if self.served.current else 0)
        self.metrics.ready.set_function(lambda: self.is_ready)

    @property
    def is_ready(self) -> bool:
        return self.served.current is not None and not self.draining

    def application(self) -> Starlette:
        """Returns the ASGI application."""
        models, infer = f"/v1/models/{MODEL}", f"/v2/models/{MODEL}"
        routes = [
            *(
                self._route("GET", path, self._page(name), open_to_all=True)
                for path, name in (("/", "index.html"), ("/page.css", "page.css"), ("/page.js", "page.js"))
            ),
            self._route("GET", "/v2/health/live", self._live, open_to_all=True),
            self._route("GET", "/v2/health/ready", self._ready, open_to_all=True),
            self._route("GET", "/v2", self._server_metadata),
            self._route("GET", "/metrics", self._metrics),
            self._route("GET", f"{models}", self._status),
            self._route("GET", f"{models}/metadata", self._metadata),
            self._route("POST", f"{models}:predict", self._predict),
            self._route("GET", f"{infer}", self._model_metadata),
            self._route("GET", f"{infer}/ready", self._model_ready),
            self._route("POST", f"{infer}/infer", self._infer),
        ]
        for which in ("versions/{version}", "labels/{label}"):
            routes += [
                self._route("POST", f"{models}/{which}:predict", self._predict),
                self._route("GET", f"{models}/{which}/metadata", self._metadata),
                self._route("GET", f"{models}/{which}", self._status),
            ]
        routes += [
            self._route("GET", f"{infer}/versions/{{version}}/ready", self._model_ready),
            self._route("POST", f"{infer}/versions/{{version}}/infer", self._infer),
            self._route("GET", f"{infer}/versions/{{version}}", self._model_metadata),
        ]
        return Starlette(
            routes=routes, lifespan=self._lifespan, exception_handlers={HTTPException: self._elsewhere, 500: self._failed}
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self._batcher = Batcher(self.settings.batch_wait, self.metrics)
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            self._batcher.close()

    async def _follow(self) -> None:
        """Looks at the serving directory again and again."""
        said = ""
        while True:
            problem = ""
            try:
                await asyncio.to_thread(self.served.look)
                if self.served.current is None and not self.served.refused:
                    problem = f"{self._serving_dir}: no model is being served there yet; waiting for one"
            except OSError as error:
                problem = f"{self._serving_dir}: can't be read: {error.strerror or error}"
            except Exception as error:
                _EVENTS.exception("looking at the serving directory failed")
                problem = f"{type(error).__name__}: {error}"
            if problem and problem != said:
                _EVENTS.warning(problem)
            said = problem
            await asyncio.sleep(self.settings.look_seconds)

    def _tell(self, event: str, **facts: Any) -> None:
        if event in ("serving", "refused"):
            self.metrics.model_loads.labels(event).inc()
        level = logging.ERROR if event == "refused" else logging.INFO
        _EVENTS.log(level, f"version {event}", extra={"facts": facts})

    def _route(self, method: str, path: str, answering: Answering, open_to_all: bool = False) -> Route:
        """Returns a route whose requests are counted, timed and logged under its path."""

        async def answered(request: Request) -> Response:
            began, identity = time.perf_counter(), uuid.uuid4().hex
            request.state.facts = {}
            try:
                if not open_to_all:
                    self._require_token(request)
                response = await answering(request)
            except Refusal as refusal:
                response = JSONResponse({"error": str(refusal)}, refusal.status, refusal.headers)
            except ClientGone:
                # The status that nginx gives; nobody reads it but the log.
                response = Response(status_code=499)
            except Exception:
                _EVENTS.exception("a request failed", extra={"facts": {"request": identity}})
                response = JSONResponse({"error": "The server failed. Its log says why."}, 500)
            await self._finish_body(request, response)
            response.headers[REQUEST_HEADER] = identity
            self._count(path, response.status_code, time.perf_counter() - began, identity, request)
            return response

        return Route(path, answered, methods=[method])

    async def _finish_body(self, request: Request, response: Response) -> None:
        body = getattr(request.state, "body", None) or Body(request, 0, 0)
        if not body.complete:
            await body.throw_away()
        if not body.complete or self.draining:
            response.headers["Connection"] = "close"

    def _count(self, route: str, status: int, seconds: float, identity: str, request: Request) -> None:
        self.metrics.requests.labels(route, str(status)).inc()
        self.metrics.request_seconds.labels(route).observe(seconds)
        facts = {"route": route, "method": request.method, "status": status, "seconds": round(seconds, 4), "request": identity}
        if "/health/" not in route and route != "/metrics":
            _ACCESS.info("request", extra={"facts": {**facts, **request.state.facts}})

    def _require_token(self, request: Request) -> None:
        try:
            token = self.settings.token()
        except BadInput as error:
            _EVENTS.error(str(error))
            raise Refusal(503, "The server's token can't be read.") from error
        if token is None:
            return
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
            raise Refusal(401, "A token is needed: 'Authorization: Bearer …'.", {"WWW-Authenticate": "Bearer"})

    async def _elsewhere(self, request: Request, error: Exception) -> Response:
        """Answers for what has no route."""
        assert isinstance(error, HTTPException)
        self.metrics.requests.labels("other", str(error.status_code)).inc()
        _ACCESS.info("request", extra={"facts": {"route": "other", "method": request.method, "status": error.status_code}})
        sentence = {
            404: f"There is nothing here. The model is /v1/models/{MODEL} (TensorFlow Serving) and /v2/models/{MODEL}.",
            405: "This address does not take that method.",
        }.get(error.status_code, str(error.detail))
        return JSONResponse({"error": sentence}, error.status_code, {**(error.headers or {}), "Connection": "close"})

    async def _failed(self, _: Request, error: Exception) -> Response:
        return JSONResponse({"error": "The server failed. Its log says why."}, 500, {"Connection": "close"})

    def _model(self, request: Request) -> Predictor:
        """Returns the model that a request's address names.

        Raises:
            Refusal: there is none, or not that one.
        """
        current = self.served.current
        if current is None:
            raise Refusal(503, "No model is being served yet.", {"Retry-After": "5"})
        version, label = request.path_params.get("version"), request.path_params.get("label")
        if version is not None and version != str(current.version):
            raise Refusal(404, f"Version {_short(version)} is not being served; version {current.version} is.")
        if label is not None and label != _LABEL:
            raise Refusal(404, f"There is no label {_short(label)}. The version being served has the label '{_LABEL}'.")
        return current

    async def _ask(
        self, request: Request, read: Callable[[bytes], tuple[Any, list[bytes]]]
    ) -> tuple[Predictor, Any, list[Answered]]:
        """Returns the model that answers, what was asked, and the answers.

        Args:
            request: what is asked.
            read: makes of a body what it asks and the photographs in it.
        """
        request.state.body = body = Body(request, self.settings.max_body, self.settings.request_seconds)
        with self._admission.place() as place:
            self._model(request)
            content = await body.read(place)
            if len(content) <= _SMALL_BODY:
                asked, checked = self._read_and_check(content, read)
            else:
                asked, checked = await asyncio.to_thread(self._read_and_check, content, read)
            place.hold(sum(len(one.encoded) for one in checked if isinstance(one, Photograph)))
            predictor = self._model(request)
            answered = await self._answered(predictor, checked)
        self._note(request, predictor, answered)
        predictions = [one.prediction for one in answered]
        if all(one.age is None for one in predictions):
            first = predictions[0].error
            alone = (
                "No face was found in the photograph." if first == NO_FACE_FOUND else f"The photograph can't be read: {first}."
            )
            raise Refusal(
                422,
                alone
                if len(predictions) == 1
                else f"None of the {len(predictions)} photographs can be answered; the first: {first}.",
                {VERSION_HEADER: str(predictor.version)},
            )
        return predictor, asked, answered

    async def _answered(self, predictor: Predictor, checked: list[Checked]) -> list[Answered]:
        """Returns what a model says of each photograph, or of the faces in it."""
        assert self._batcher is not None
        looking = self._faces
        parts = (
            await asyncio.to_thread(looking.parts, predictor, checked) if looking.warns else looking.parts(predictor, checked)
        )
        ready = [one for of_photograph in parts for one in of_photograph if isinstance(one.photograph, Photograph)]
        predictions = await self._batcher.answer(predictor, [one.photograph for one in ready])
        return looking.answered(parts, iter(predictions))

    def _read_and_check(self, content: bytes, read: Callable[[bytes], tuple[Any, list[bytes]]]) -> tuple[Any, list[Checked]]:
        """Returns what is asked, and for each photograph itself, or why it is not decoded at all."""
        from age import image_header

        asked, photographs = read(content)
        most = self.settings.max_photographs
        if len(photographs) > most:
            raise Refusal(
                413, f"The request has {len(photographs)} photographs; at most {most} are taken (serve.max_photographs)."
            )
        checked: list[Checked] = []
        for encoded in photographs:
            try:
                header = image_header.read(encoded)
            except image_header.UnusableImage as error:
                checked.append(Prediction(error=str(error)))
                continue
            if header.pixels > self.settings.max_pixels:
                limit = f"{header.width}x{header.height} pixels; at most {self.settings.max_pixels:,} are decoded"
                checked.append(Prediction(error=limit))
                continue
            checked.append(Photograph(encoded, header.pixels))
        return asked, checked

    def _note(self, request: Request, predictor: Predictor, answered: Sequence[Answered]) -> None:
        of_faces = [one for photograph in answered for one in photograph.faces or (photograph.prediction,)]
        for prediction in of_faces:
            if prediction.age is not None:
                self.metrics.predicted_age.observe(prediction.age)
        read = sum(one.prediction.age is not None for one in answered)
        warned = sum(bool(one.prediction.warning) for one in answered)
        self.metrics.photographs.labels("answered").inc(read)
        self.metrics.photographs.labels("unreadable").inc(len(answered) - read)
        self.metrics.photographs_warned.inc(warned)
        request.state.facts.update(
            model_version=predictor.version,
            photographs=len(answered),
            unreadable=len(answered) - read,
            **({"warned": warned} if self._faces.warns else {}),
        )

    async def _predict(self, request: Request) -> Response:
        def read(content: bytes) -> tuple[tensorflow_serving.Asked, list[bytes]]:
            asked = tensorflow_serving.read(content)
            return asked, asked.photographs

        predictor, asked, answered = await self._ask(request, read)
        content = tensorflow_serving.answer(asked, answered, predictor.outputs, predictor.version)
        return JSONResponse(content, headers={VERSION_HEADER: str(predictor.version)})

    async def _infer(self, request: Request) -> Response:
        def read(content: bytes) -> tuple[open_inference_protocol.Asked, list[bytes]]:
            asked = open_inference_protocol.read(content, request.headers.get(open_inference_protocol.HEADER_LENGTH))
            open_inference_protocol.check_outputs(asked, self._model(request).outputs, self._faces.warns)
            return asked, asked.photographs

        predictor, asked, answered = await self._ask(request, read)
        content, length = open_inference_protocol.answer(
            asked,
            [one.prediction for one in answered],
            predictor.outputs,
            MODEL,
            predictor.version,
            self._faces.warns,
        )
        headers = {VERSION_HEADER: str(predictor.version)}
        if length is None:
            return Response(content, headers=headers, media_type="application/json")
        headers[open_inference_protocol.HEADER_LENGTH] = str(length)
        return Response(content, headers=headers, media_type="application/octet-stream")

    async def _status(self, request: Request) -> Response:
        version = request.path_params.get("version")
        if "label" in request.path_params:
            version = str(self._model(request).version)
        # What is no number is the version of nothing.
        number = (
            None if version is None else int(version) if version.isascii() and version.isdigit() and len(version) < 20 else -1
        )
        found = tensorflow_serving.status(self.served, number)
        if number is not None and not found["model_version_status"]:
            raise Refusal(404, f"There is no version {_short(version or '')} here.")
        return JSONResponse(found)

    async def _metadata(self, request: Request) -> Response:
        predictor = self._model(request)
        return JSONResponse(tensorflow_serving.metadata(MODEL, predictor.outputs, predictor.version))

    async def _model_metadata(self, request: Request) -> Response:
        predictor = self._model(request)
        return JSONResponse(
            open_inference_protocol.model_metadata(MODEL, predictor.outputs, predictor.version, self._faces.warns)
        )

    async def _server_metadata(self, _: Request) -> Response:
        return JSONResponse(
            open_inference_protocol.server_metadata("age-pipeline", importlib.metadata.version("age-pipeline"))
        )

    async def _model_ready(self, request: Request) -> Response:
        predictor = self._model(request)
        if self.draining:
            raise Refusal(503, "The server is about to end.")
        return JSONResponse({"name": MODEL, "ready": True}, headers={VERSION_HEADER: str(predictor.version)})

    def _page(self, name: str) -> Answering:
        async def answer(_: Request) -> Response:
            return page_files.response(name)

        return answer

    async def _live(self, _: Request) -> Response:
        return JSONResponse({"live": True})

    async def _ready(self, _: Request) -> Response:
        if not self.is_ready:
            sentence = "The server is about to end." if self.draining else "No model is being served yet."
            raise Refusal(503, sentence, {"Retry-After": "5"})
        return JSONResponse({"ready": True})

    async def _metrics(self, _: Request) -> Response:
        return Response(self.metrics.text(), headers={"Content-Type": CONTENT_TYPE})


def _short(text: str) -> str:
    from age.untrusted_text import harmless

    return repr(harmless(text, _SHOWN_LENGTH))

"""KServe's model server, with its models, routes and errors as this endpoint has them.

Importing this module imports KServe, which costs seconds and reads ``sys.argv``: ``perennial.serving.server`` does it when it
serves, and nothing else does.
"""

import asyncio
import functools
import json
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelRepository
from kserve.errors import InvalidInput, ModelNotFound, ModelNotReady
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.model_repository_extension import ModelRepositoryExtension
from kserve.protocol.rest.server import RESTServer
from starlette.exceptions import HTTPException
from starlette.requests import Request

from perennial.errors import EndpointError, ImageRejected
from perennial.serving.client import RELEASE_HEADER
from perennial.serving.endpoint import Answer, Endpoint
from perennial.serving.requests import INPUT, WrongRequest, images_of_binary, images_of_body, images_of_tensors

MAX_BODY_BYTES = 64 * 1024 * 1024
_BINARY = "inference-header-content-length"


class NoSuchModel(ModelNotFound):  # type: ignore[misc]
    """A task or release that isn't served; KServe answers 404, or NOT_FOUND over gRPC."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class TaskModel(Model):  # type: ignore[misc]
    """One task of the endpoint as a KServe model: encoded images in, one answer for each out."""

    def __init__(self, task: str, endpoint: Endpoint, executor: Executor) -> None:
        super().__init__(task, return_response_headers=True)
        self.ready = True
        self._endpoint = endpoint
        self._executor = executor

    def validate(self, payload: Any) -> Any:
        """Leave checking to ``predict``."""
        return payload

    async def predict(
        self, payload: Any, headers: Mapping[str, str] | None = None, response_headers: dict[str, str] | None = None
    ) -> Any:
        """Answer off the event loop, by the release that the header names or the shares choose."""
        headers = headers or {}
        try:
            images, form = _images(payload, headers)
            release = self._endpoint.choose(self.name, headers.get(RELEASE_HEADER))
            work = functools.partial(self._endpoint.answer, release, self.name, images)
            answers = await asyncio.get_running_loop().run_in_executor(self._executor, work)
        except (WrongRequest, ImageRejected) as error:
            raise InvalidInput(str(error)) from None
        except EndpointError as error:
            raise NoSuchModel(str(error)) from None
        if response_headers is not None:
            response_headers[RELEASE_HEADER] = release.digest
        return form(answers) if form is not _tensors else _tensors(answers, self.name, payload)

    async def explain(self, payload: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Refuse: there are no explanations yet."""
        raise NotImplementedError("This endpoint gives no explanations. Use :predict.")

    def get_input_types(self) -> list[dict[str, Any]]:
        """Return the V2 input: encoded images."""
        return [{"name": INPUT, "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Return the V2 outputs, one element for each image; ``answer`` holds the whole answer as JSON."""
        return [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype, _ in _OUTPUTS]


class Models(ModelRepository):  # type: ignore[misc]
    """The endpoint's tasks, as they are at the moment of asking."""

    def __init__(self, endpoint: Endpoint, executor: Executor) -> None:
        super().__init__()
        self._known: dict[str, Any] = {}
        self._endpoint = endpoint
        self._executor = executor

    def get_models(self) -> dict[str, Any]:
        """Return a model for each task that some ready release answers for."""
        known: dict[str, Any] = {
            task: self._known.get(task) or TaskModel(task, self._endpoint, self._executor) for task in self._endpoint.tasks
        }
        self._known = known
        return known

    def get_model(self, name: str) -> Any:
        """Return a task's model.

        Raises:
            NoSuchModel: no ready release answers for it.
        """
        found = self.get_models().get(name)
        if found is None:
            raise NoSuchModel(self._endpoint.lacks(name))
        return found


class NoAdmin(ModelRepositoryExtension):  # type: ignore[misc]
    """Refuses to load and unload: what is served is what the endpoint record says."""

    async def load(self, model_name: str) -> None:
        """Refuse."""
        raise InvalidInput(f"'{model_name}' can't be loaded by request: releases are deployed by 'perennial run'.")

    async def unload(self, model_name: str) -> None:
        """Refuse."""
        raise InvalidInput(f"'{model_name}' can't be unloaded by request: releases are changed by 'perennial rollback'.")


class Plane(DataPlane):  # type: ignore[misc]
    """KServe's data plane, except that request bodies reach the model as they came."""

    def decode(self, body: Any, headers: Any, protocol_version: str = "v1", model_name: str | None = None) -> Any:
        """Return V1 bodies and binary V2 bodies as bytes; KServe would take every unknown type for JSON or text."""
        if isinstance(body, bytes):
            return body, {}
        return super().decode(body, headers, protocol_version, model_name)


class Rest(RESTServer):  # type: ignore[misc]
    """KServe's REST server on a given address, with ``GET /v1/endpoint`` and errors that are all JSON with one sentence."""

    def __init__(self, endpoint: Endpoint, models: Models, host: str, port: int, grace_s: int) -> None:
        super().__init__(
            "kserve.model_server:app", Plane(models), NoAdmin(models), port, grace_period=grace_s, event_loop="asyncio"
        )
        self.config.host = host
        self.config.access_log = False
        self.uvicorn = self._server
        self._endpoint = endpoint

    def _add_middlewares(self, app: FastAPI) -> None:
        app.add_middleware(BodyLimit)

    def _register_endpoints(self, app: FastAPI) -> None:
        app.add_api_route("/v1/endpoint", self._endpoint.report, methods=["GET"], tags=["Endpoint"])
        super()._register_endpoints(app)

    def _add_exception_handlers(self, app: FastAPI) -> None:
        super()._add_exception_handlers(app)
        for error, status in ((InvalidInput, 400), (ModelNotFound, 404), (ModelNotReady, 503), (NotImplementedError, 501)):
            app.add_exception_handler(error, _sentence(status))
        app.add_exception_handler(RequestValidationError, _wrong_shape)
        app.add_exception_handler(HTTPException, _http_error)


class BodyLimit:
    """Refuses bodies that are too large, whether they say so or not."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or answer 413."""
        length = dict(scope.get("headers", ())).get(b"content-length", b"0")
        if length.isdigit() and int(length) > MAX_BODY_BYTES:
            await JSONResponse({"error": _TOO_LARGE}, 413, {"connection": "close"})(scope, receive, send)
            return
        seen = 0

        async def counted() -> Any:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY_BYTES:
                raise HTTPException(413, _TOO_LARGE)
            return message

        await self._app(scope, counted, send)


_TOO_LARGE = f"The request has more than {MAX_BODY_BYTES // 2**20} MiB. Send fewer or smaller images."
_OUTPUTS = (
    ("answer", "BYTES", json.dumps),
    ("class", "BYTES", lambda answer: answer["class"]),
    ("probability", "FP64", lambda answer: answer["probability"]),
)


def _images(payload: Any, headers: Mapping[str, str]) -> tuple[list[bytes], Any]:
    """Return a request's images and how its answers are written."""
    if isinstance(payload, InferRequest):
        return images_of_tensors(payload.inputs), _tensors
    if _BINARY in headers:
        return images_of_binary(payload, headers[_BINARY]), _tensors
    return images_of_body(payload, headers.get("content-type", "")), _predictions


def _predictions(answers: list[Answer]) -> dict[str, list[Answer]]:
    return {"predictions": answers}


def _tensors(answers: list[Answer], model: str, payload: Any) -> Any:
    request_id = getattr(payload, "id", None) or answers[0]["prediction_id"]
    outputs = [InferOutput(name, [len(answers)], kind, [value(answer) for answer in answers]) for name, kind, value in _OUTPUTS]
    return InferResponse(request_id, model, outputs)


def _sentence(status: int) -> Any:
    async def handle(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status)

    return handle


async def _wrong_shape(_: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"The request isn't as this route takes it: {where}: {first['msg']}."}, 400)


async def _http_error(request: Request, error: Any) -> JSONResponse:
    known = {404: f"There is no route {request.url.path}.", 405: f"{request.url.path} doesn't take {request.method}."}
    return JSONResponse({"error": known.get(error.status_code, str(error.detail))}, error.status_code)

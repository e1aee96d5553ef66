"""The endpoint's REST application: routes, middlewares and errors, which are all JSON with one sentence."""

from collections.abc import Callable, Iterable
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from perennial import __version__
from perennial.errors import EndpointError, ImageRejected
from perennial.serving import openapi
from perennial.serving.answers import Answers, Late
from perennial.serving.computing import Busy
from perennial.serving.limits import Limits
from perennial.serving.requests import WrongRequest
from perennial.serving.routes import routes
from perennial.serving.watching import Watching


def application(answers: Answers, report: Callable[[], dict[str, Any]], more: Iterable[APIRouter] = ()) -> FastAPI:
    """Return the application; ``more`` are routes beside those that answer."""
    app = FastAPI(title=f"The endpoint '{answers.endpoint.name}'", version=__version__, description=openapi.DESCRIPTION)
    for router in (routes(answers, report), *more):
        app.include_router(router)
    app.add_middleware(Limits)
    app.add_middleware(Watching, metrics=answers.metrics, tracing=answers.tracing)
    for error, status in ((WrongRequest, 400), (ImageRejected, 400), (EndpointError, 404), (Late, 504)):
        app.add_exception_handler(error, _sentence(status))
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(ClientDisconnect, _sentence(400))
    app.add_exception_handler(RequestValidationError, _wrong_shape)
    app.add_exception_handler(HTTPException, _http_error)
    openapi.describe(app)
    return app


def _sentence(status: int) -> Any:
    async def handle(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status)

    return handle


async def _busy(_: Request, error: Any) -> JSONResponse:
    return JSONResponse({"error": str(error)}, 503, {"retry-after": str(error.retry_after_s)})


async def _wrong_shape(_: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return JSONResponse({"error": f"The request isn't as this route takes it: {where}: {first['msg']}."}, 400)


async def _http_error(request: Request, error: Any) -> JSONResponse:
    known = {404: f"There is no route {request.url.path}.", 405: f"{request.url.path} doesn't take {request.method}."}
    return JSONResponse({"error": known.get(error.status_code, str(error.detail))}, error.status_code, error.headers)

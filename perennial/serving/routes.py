"""The endpoint's REST routes."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from perennial import __version__
from perennial.errors import EndpointError
from perennial.serving import openapi
from perennial.serving.answers import ALL, Answers, Asked
from perennial.serving.calls import UNKNOWN, current
from perennial.serving.client import JOURNAL_HEADER, RELEASE_HEADER, UNNOTED
from perennial.serving.explain import Wish
from perennial.serving.metrics import CONTENT_TYPE
from perennial.serving.protocol import metadata, tensors
from perennial.serving.requests import TIMEOUT_HEADER, WrongRequest, images_of_body, options_of_body, seconds_of, v2_request

_BINARY = "inference-header-content-length"


def routes(answers: Answers, report: Callable[[], dict[str, Any]]) -> APIRouter:
    """Return all routes of an endpoint."""
    router = APIRouter()
    for part in (_about(answers, report), _v1(answers), _v2(answers)):
        router.include_router(part)
    return router


def begin(answers: Answers, task: str | None) -> None:
    """Put down in the current call who is asked; a name that nothing here answers for isn't repeated."""
    call = current.get()
    if call is not None:
        call.task = ALL if task is None else task if task in answers.endpoint.tasks else UNKNOWN


def given(request: Request, answers: Answers) -> dict[str, Any]:
    """Return what a request's headers say of how it is to be answered.

    Raises:
        WrongRequest: its time is no positive number.
    """
    timeout_s = seconds_of(request.headers.get(TIMEOUT_HEADER), answers.deadline_s)
    noted = request.headers.get(JOURNAL_HEADER) != UNNOTED
    return {"release": request.headers.get(RELEASE_HEADER), "timeout_s": timeout_s, "noted": noted}


def _about(answers: Answers, report: Callable[[], dict[str, Any]]) -> APIRouter:
    router = APIRouter(tags=["Endpoint"])

    @router.get("/", responses=openapi.answered(openapi.Alive, "The process answers."))
    async def alive() -> Any:
        """Say that the process answers."""
        return {"status": "alive"}

    @router.get("/v1/endpoint", responses=openapi.answered(openapi.Report, "Releases, shares and figures."))
    async def endpoint_report() -> Any:
        """Say which releases are served, in which shares of the traffic, and what they answered."""
        return report()

    @router.post(
        "/v1/endpoint:predict",
        responses={**openapi.answered(openapi.PredictionsOfAll, "An answer for each picture and task."), **_inference()},
        openapi_extra=openapi.PICTURES,
    )
    async def predict_all(request: Request) -> Any:
        """Answer for all tasks of the endpoint, with one pass through each network that they use."""
        begin(answers, None)
        images = images_of_body(await request.body(), request.headers.get("content-type", ""))
        asked = await answers.answer(None, images, **given(request, answers))
        return JSONResponse({"predictions": asked.answers}, headers=_named(asked))

    @router.get(
        "/metrics",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus' text format."}},
        response_class=Response,
    )
    async def metrics() -> Response:
        """Show the figures that Prometheus collects."""
        return Response(answers.metrics.text(), media_type=CONTENT_TYPE)

    return router


def _v1(answers: Answers) -> APIRouter:
    router = APIRouter(prefix="/v1/models", tags=["V1"])
    endpoint = answers.endpoint

    @router.get("", responses=openapi.answered(openapi.Names, "Their names."))
    async def models() -> Any:
        """List the tasks that are answered for."""
        return {"models": endpoint.tasks}

    @router.get("/{task}", responses={**openapi.answered(openapi.Ready, "It is."), **openapi.errors(404)})
    async def ready(task: str) -> Any:
        """Say whether a task is answered for."""
        return {"name": _known(answers, task), "ready": True}

    @router.post(
        "/{task}:predict",
        responses={**openapi.answered(openapi.Predictions, "An answer for each picture."), **_inference()},
        openapi_extra=openapi.PICTURES,
    )
    async def predict(task: str, request: Request) -> Any:
        """Say what pictures show: one as the body, or several in JSON."""
        begin(answers, task)
        images = images_of_body(await request.body(), request.headers.get("content-type", ""))
        asked = await answers.answer(task, images, **given(request, answers))
        return JSONResponse({"predictions": [answer[task] for answer in asked.answers]}, headers=_named(asked))

    @router.post(
        "/{task}:explain",
        responses={**openapi.answered(openapi.Explanations, "An answer for each picture, and why."), **_inference()},
        openapi_extra=openapi.EXPLAINED,
    )
    async def explain(task: str, request: Request) -> Any:
        """Say what a picture shows and why: the training images that are nearest, and which parts of it spoke for the class."""
        begin(answers, task)
        body = await request.body()
        images = images_of_body(body, request.headers.get("content-type", ""))
        wish = Wish.of(request.query_params, options_of_body(body))
        asked = await answers.explain(task, images, wish, **given(request, answers))
        return JSONResponse({"predictions": [answer[task] for answer in asked.answers]}, headers=_named(asked))

    return router


def _v2(answers: Answers) -> APIRouter:
    router = APIRouter(prefix="/v2", tags=["V2"])
    endpoint = answers.endpoint
    inferred = {**openapi.answered(openapi.Inferred, "An element for each picture in each output."), **_inference()}

    @router.get("", responses=openapi.answered(openapi.Server, "Name and version."))
    async def server() -> Any:
        """Say who answers."""
        return {"name": "perennial", "version": __version__, "extensions": ["binary_tensor_data"]}

    @router.get("/health/live", responses=openapi.answered(openapi.Live, "It does."))
    async def live() -> Any:
        """Say that the process answers."""
        return {"live": True}

    @router.get("/health/ready", responses={**openapi.answered(openapi.AllReady, "It is."), **openapi.errors(503)})
    async def ready() -> Any:
        """Say whether at least one release is loaded."""
        if not endpoint.ready:
            return JSONResponse({"error": endpoint.lacks(None)}, 503, {"retry-after": "1"})
        return {"ready": True}

    @router.get("/models", responses=openapi.answered(openapi.Names, "Their names."))
    async def models() -> Any:
        """List the tasks that are answered for."""
        return {"models": endpoint.tasks}

    @router.get("/models/{task}", responses={**openapi.answered(openapi.Model, "Its tensors."), **openapi.errors(404)})
    @router.get("/models/{task}/versions/{version}", include_in_schema=False)
    async def model(task: str, version: str | None = None) -> Any:
        """Describe what a task takes and gives."""
        return metadata(_known(answers, task, version), _versions(answers, task))

    @router.get("/models/{task}/ready", responses={**openapi.answered(openapi.Ready, "It is."), **openapi.errors(404)})
    @router.get("/models/{task}/versions/{version}/ready", include_in_schema=False)
    async def model_ready(task: str, version: str | None = None) -> Any:
        """Say whether a task is answered for."""
        return {"name": _known(answers, task, version), "ready": True}

    @router.post("/models/{task}/infer", responses=inferred, openapi_extra=openapi.TENSORS)
    @router.post("/models/{task}/versions/{version}/infer", responses=inferred, openapi_extra=openapi.TENSORS)
    async def infer(task: str, request: Request, version: str | None = None) -> Any:
        """Say what pictures show, as tensors; a version is that of the task's model."""
        begin(answers, task)
        asked_for = v2_request(await request.body(), request.headers.get(_BINARY))
        asked = await answers.answer(task, asked_for.images, version=version, **given(request, answers))
        return _written(task, asked, asked_for)

    @router.post("/repository/models/{task}/{verb}", include_in_schema=False)
    async def admin(task: str, verb: str) -> Any:
        """Refuse to load and unload."""
        raise WrongRequest(f"'{task}' can't be {verb}ed by request: releases change by 'perennial run' and 'perennial rollback'.")

    return router


def _written(task: str, asked: Asked, request: Any) -> Response:
    """Write a V2 answer: JSON, with raw bytes after it where the client wants them."""
    body, length = tensors([answer[task] for answer in asked.answers], task, request).to_rest()
    headers = _named(asked)
    if length is None:
        return JSONResponse(body, headers=headers)
    return Response(body, headers={**headers, _BINARY: str(length)}, media_type="application/octet-stream")


def _known(answers: Answers, task: str, version: str | None = None) -> str:
    if task not in answers.endpoint.tasks:
        raise EndpointError(answers.endpoint.lacks(task))
    if version is not None:
        answers.endpoint.choose(task, None, version)
    return task


def _versions(answers: Answers, task: str) -> list[str]:
    return sorted({str(release.tasks[task].version) for release in answers.endpoint.ready.values() if task in release.tasks})


def _named(asked: Asked) -> Mapping[str, str]:
    return {RELEASE_HEADER: asked.release.digest}


def _inference() -> dict[int | str, dict[str, Any]]:
    return openapi.errors(*openapi.INFERENCE)

"""Around every HTTP request: an id, a span, a line of log, its figures, and a sentence where the server itself failed."""

from typing import Any

from fastapi.responses import JSONResponse

from perennial.serving.calls import REQUEST_ID, call_of, current
from perennial.serving.logs import log_call, log_failure
from perennial.serving.metrics import Metrics
from perennial.serving.tracing import Tracing

GONE = "499"
"""The code under which a request is told whose client had gone; nobody got an answer."""


class Watching:
    """The outermost of the server's own middlewares."""

    def __init__(self, app: Any, metrics: Metrics, tracing: Tracing) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        call, code, route = call_of(headers.get(REQUEST_ID)), GONE, f"{scope['method']} {scope['path']}"
        token = current.set(call)

        async def noted(message: Any) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = str(message["status"])
                message = {**message, "headers": [*message["headers"], (REQUEST_ID.encode(), call.id.encode())]}
            await send(message)

        try:
            with self._tracing.request(route, headers) as span:
                try:
                    await self._app(scope, receive, noted)
                except Exception as error:  # noqa: BLE001 (nothing may end the connection without an answer)
                    log_failure(call, error)
                    if code == GONE:
                        sentence = f"The server failed on this request; its log says why, under the id {call.id}."
                        await JSONResponse({"error": sentence}, 500)(scope, receive, noted)
                if span is not None:
                    span.set_attributes({"http.response.status_code": int(code), "perennial.request_id": call.id})
        finally:
            current.reset(token)
            if call.task:
                self._metrics.called(call, code, failed=code == "500")
            log_call(call, code, route)

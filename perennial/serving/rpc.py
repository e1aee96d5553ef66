"""KServe's gRPC service on a given address; imported by ``perennial.serving.server`` when it serves, for it costs seconds."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from grpc import StatusCode, aio  # type: ignore[import-untyped]
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as service
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer

from perennial.errors import EndpointError, ImageRejected, PortInUse
from perennial.serving.answers import Answers, Late
from perennial.serving.calls import REQUEST_ID, Call, call_of, current
from perennial.serving.computing import Busy
from perennial.serving.limits import MAX_BODY_BYTES
from perennial.serving.logs import log_call, log_failure
from perennial.serving.protocol import Models, NoAdmin, Plane
from perennial.serving.requests import WrongRequest

MOST_CALLS = 256
_CODES = {
    WrongRequest: StatusCode.INVALID_ARGUMENT,
    ImageRejected: StatusCode.INVALID_ARGUMENT,
    EndpointError: StatusCode.NOT_FOUND,
    Busy: StatusCode.RESOURCE_EXHAUSTED,
    Late: StatusCode.DEADLINE_EXCEEDED,
}


class Watched(ExceptionToStatusInterceptor):  # type: ignore[misc]
    """Around every call: an id, a span, a line of log, its figures, and our errors as gRPC's codes."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers

    async def intercept(self, method: Callable[..., Any], request: Any, context: Any, method_name: str) -> Any:
        """Answer one call and tell of it."""
        headers = {item.key: item.value for item in context.invocation_metadata() or () if isinstance(item.value, str)}
        call, code = call_of(headers.get(REQUEST_ID)), "CANCELLED"
        token = current.set(call)
        try:
            with self._answers.tracing.request(method_name, headers):
                await context.send_initial_metadata(((REQUEST_ID, call.id),))
                result = await super().intercept(method, request, context, method_name)
                code = "OK"
                return result
        except asyncio.CancelledError:
            raise
        except BaseException:
            code = _name_of(context)
            raise
        finally:
            current.reset(token)
            if call.task:
                self._answers.metrics.called(call, code, failed=code == "INTERNAL")
            log_call(call, code, method_name)

    async def handle_exception(self, ex: Exception, request_or_iterator: Any, context: Any, method_name: str) -> None:
        """End a call with the code and the sentence of an error."""
        code = next((code for kind, code in _CODES.items() if isinstance(ex, kind)), None)
        if code is not None:
            again = (("retry-after", str(ex.retry_after_s)),) if isinstance(ex, Busy) else ()
            await context.abort(code, str(ex), again)
        call = current.get() or Call("")
        if not isinstance(ex, aio.AbortError):
            log_failure(call, ex)
        await super().handle_exception(ex, request_or_iterator, context, method_name)


async def start_grpc(answers: Answers, models: Models, host: str, port: int) -> Any:
    """Start answering over gRPC and return the server.

    Raises:
        PortInUse: another process listens on the port.
    """
    options = [
        ("grpc.max_send_message_length", MAX_BODY_BYTES),
        ("grpc.max_receive_message_length", MAX_BODY_BYTES),
        ("grpc.so_reuseport", 0),  # else two servers would share the port without a word
    ]
    server = aio.server(
        ThreadPoolExecutor(1), interceptors=(Watched(answers),), options=options, maximum_concurrent_rpcs=MOST_CALLS
    )
    service.add_GRPCInferenceServiceServicer_to_server(InferenceServicer(Plane(models), NoAdmin(models)), server)
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        raise PortInUse(
            f"Can't listen on {host}:{port}. End what listens there, or set PERENNIAL_GRPC_PORT to a free port."
        ) from None
    await server.start()
    return server


def _name_of(context: Any) -> str:
    """Return the name of the code that a call was ended with."""
    code = context.code()
    return next((each.name for each in StatusCode if code in (each, each.value[0])), "INTERNAL")

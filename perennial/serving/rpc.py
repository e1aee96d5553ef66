"""KServe's gRPC service on a given address; imported by ``perennial.serving.server`` when it serves, for it costs seconds."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from grpc import aio  # type: ignore[import-untyped]
from kserve.protocol.grpc import grpc_predict_v2_pb2_grpc as service
from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
from kserve.protocol.grpc.servicer import InferenceServicer

from perennial.errors import PortInUse
from perennial.serving.protocol import MAX_BODY_BYTES, Models, NoAdmin, Plane


async def start_grpc(models: Models, host: str, port: int) -> Any:
    """Start answering over gRPC and return the server.

    Raises:
        PortInUse: another process listens on the port.
    """
    options = [
        ("grpc.max_send_message_length", MAX_BODY_BYTES),
        ("grpc.max_receive_message_length", MAX_BODY_BYTES),
        ("grpc.so_reuseport", 0),  # else two servers would share the port without a word
    ]
    server = aio.server(ThreadPoolExecutor(1), interceptors=(ExceptionToStatusInterceptor(),), options=options)
    service.add_GRPCInferenceServiceServicer_to_server(InferenceServicer(Plane(models), NoAdmin(models)), server)
    try:
        server.add_insecure_port(f"{host}:{port}")
    except RuntimeError:
        raise PortInUse(
            f"Can't listen on {host}:{port}. End what listens there, or set PERENNIAL_GRPC_PORT to a free port."
        ) from None
    await server.start()
    return server

"""Spans of requests, decoding and inference for OpenTelemetry, where its environment variable names a collector."""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_log = logging.getLogger(__name__)


class Tracing:
    """Records nothing; what :func:`tracing` returns where nobody collects."""

    @contextmanager
    def request(self, route: str, headers: Mapping[str, str]) -> Iterator[Any]:
        """Record what happens inside as the span of one request, a child of the one that its headers name."""
        del route, headers
        yield None

    def part(self, name: str, seconds: float, *, ago: float = 0.0, **attributes: Any) -> None:
        """Record a part of the current request that took so long and ended so many seconds ago."""

    def close(self) -> None:
        """Send what isn't sent yet."""


class _OpenTelemetry(Tracing):
    def __init__(self, provider: Any) -> None:
        from opentelemetry import propagate, trace

        self._trace = trace
        self._propagate = propagate
        self._provider = provider
        self._tracer = provider.get_tracer("perennial")

    @contextmanager
    def request(self, route: str, headers: Mapping[str, str]) -> Iterator[Any]:
        parent = self._propagate.extract(headers)
        with self._tracer.start_as_current_span(route, context=parent, kind=self._trace.SpanKind.SERVER) as span:
            yield span

    def part(self, name: str, seconds: float, *, ago: float = 0.0, **attributes: Any) -> None:
        ended = time.time_ns() - int(ago * 1e9)
        span = self._tracer.start_span(name, start_time=ended - int(seconds * 1e9), attributes=attributes)
        span.end(ended)

    def close(self) -> None:
        self._provider.shutdown()


def tracing(endpoint: str, processor: Any = None) -> Tracing:
    """Return what records spans: OpenTelemetry if its variable is set and its packages are there, else nothing.

    Args:
        endpoint: the endpoint's name, kept as the attribute ``perennial.endpoint`` of the service.
        processor: takes the spans instead of the collector that the environment names.
    """
    if processor is None and not any(os.environ.get(name) for name in VARIABLES):
        return Tracing()
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        provider = TracerProvider(
            resource=Resource.create(
                {"service.name": os.environ.get("OTEL_SERVICE_NAME", "perennial"), "perennial.endpoint": endpoint}
            )
        )
        provider.add_span_processor(processor or _exporting())
    except ImportError:
        _log.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but its packages are missing. Install them with: pip install 'perennial[otel]'"
        )
        return Tracing()
    return _OpenTelemetry(provider)


def _exporting() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter())

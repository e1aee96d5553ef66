"""What Prometheus reads at ``GET /metrics``; labels are served tasks, releases and versions, nothing that clients say."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from perennial.backbones.engines import Backbone
from perennial.serving.calls import Call
from perennial.serving.figures import SECONDS

CONTENT_TYPE = CONTENT_TYPE_LATEST
_MODEL = ("task", "release", "version")
_SHORT = 12


class Written(Protocol):
    """The figures of a journal."""

    written: int
    waiting: int
    lost: int
    trouble: str


class Metrics:
    """Counters of one server in a registry of their own."""

    def __init__(self) -> None:
        self._registry = own = CollectorRegistry()
        ProcessCollector(registry=own)
        self.in_flight = Gauge("perennial_in_flight", "Inference calls under way.", registry=own)
        self._requests = Counter("perennial_requests", "Inference calls by what came of them.", (*_MODEL, "code"), registry=own)
        self._errors = Counter("perennial_errors", "Calls that failed by the server's own fault.", _MODEL, registry=own)
        self._images = Counter("perennial_images", "Images answered.", _MODEL, registry=own)
        self._unfamiliar = Counter("perennial_unfamiliar", "Images unlike anything learnt.", _MODEL, registry=own)
        self._total = _histogram("perennial_total_seconds", "From a call's head to its answer.", own)
        self._decode = _histogram("perennial_decode_seconds", "Decoding one image.", own)
        self._infer = _histogram("perennial_infer_seconds", "Computing the batch in which an image was.", own)
        self._batch = Histogram(
            "perennial_batch_images", "Images computed at once.", ("backbone",), buckets=(1, 2, 4, 8, 16, 32), registry=own
        )
        self._kept: set[str] = set()
        self._labelled = (self._requests, self._errors, self._images, self._unfamiliar, self._total, self._decode, self._infer)

    def show(self, look: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        """Also show figures that are looked up when somebody asks: name, what it is, value."""
        self._registry.register(_Looked(look))

    def batch(self, backbone: Backbone, images: int, seconds: float) -> None:
        """Note what the engine computed at once."""
        del seconds
        self._batch.labels(backbone.digest[:_SHORT]).observe(images)

    def image(self, model: tuple[str, str, str], decode: float, infer: float, *, unfamiliar: bool) -> None:
        """Note one image answered by a model: task, release and version."""
        labels = _labels(*model)
        self._images.labels(*labels).inc()
        self._unfamiliar.labels(*labels).inc(unfamiliar)
        self._decode.labels(*labels).observe(decode)
        self._infer.labels(*labels).observe(infer)

    def called(self, call: Call, code: str, *, failed: bool) -> None:
        """Note a call that has ended."""
        labels = _labels(call.task, call.release, call.version)
        self._requests.labels(*labels, code).inc()
        self._total.labels(*labels).observe(call.seconds)
        if failed:
            self._errors.labels(*labels).inc()

    def keep(self, releases: Iterable[str]) -> None:
        """Forget the figures of releases that are served no more."""
        now = {release[:_SHORT] for release in releases}
        for release in self._kept - now:
            for metric in self._labelled:
                metric.remove_by_labels({"release": release})
        self._kept = now

    def text(self) -> bytes:
        """Return all figures in Prometheus' text format."""
        return generate_latest(self._registry)


class _Looked:
    """A collector of what a function tells; names that end in ``_total`` are counters."""

    def __init__(self, look: Callable[[], Iterable[tuple[str, str, float]]]) -> None:
        self._look = look

    def collect(self) -> Iterator[Any]:
        for name, what, value in self._look():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(name.removesuffix("_total"), what, value=value)


def _histogram(name: str, what: str, registry: CollectorRegistry) -> Histogram:
    return Histogram(name, what, _MODEL, buckets=SECONDS, registry=registry)


def _labels(task: str, release: str, version: str) -> tuple[str, str, str]:
    return task, release[:_SHORT], version

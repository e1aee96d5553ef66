"""A server's parts put together; importing this imports KServe."""

from collections.abc import Iterator, Sequence
from typing import Any

from perennial.catalog.objects import Objects
from perennial.serving import feedback
from perennial.serving.answers import Answers
from perennial.serving.application import application
from perennial.serving.computing import Computing
from perennial.serving.endpoint import Endpoint
from perennial.serving.journal import Journal
from perennial.serving.metrics import Metrics
from perennial.serving.prediction_ids import PredictionIds
from perennial.serving.protocol import Models, Rest
from perennial.serving.rpc import start_grpc
from perennial.serving.tokens import Tokens
from perennial.serving.tracing import tracing
from perennial.settings import Settings


def assemble(endpoint: Endpoint, objects: Objects, settings: Settings, *, proving: bool) -> "Assembled":
    """Put a server together for an endpoint; while it is ``proving`` a release, nothing that it is asked is kept."""
    return Assembled(endpoint, objects, settings, proving=proving)


class Assembled:
    """All that a server is made of but its sockets."""

    def __init__(self, endpoint: Endpoint, objects: Objects, settings: Settings, *, proving: bool) -> None:
        metrics = Metrics()
        self._ids = PredictionIds.open(objects, endpoint.name)
        self._journal = None if proving else Journal(objects, endpoint.name, settings.home)
        self._tokens = Tokens(settings.tokens_file, settings.feedback_daily)
        self._computing = Computing(settings.inference_threads, settings.queue, metrics.batch)
        self._endpoint = endpoint
        self.answers = Answers(
            endpoint,
            self._computing,
            deadline_s=settings.deadline_s,
            metrics=metrics,
            tracing=tracing(endpoint.name),
            journal=self._journal,
            ids=self._ids,
        )
        self._models = Models(self.answers)
        metrics.show(self._figures)

    def rest(self, host: str, port: int, grace_s: int) -> Rest:
        """Return the REST server."""
        more = []
        if self._journal is not None:
            more = [feedback.routes(self._endpoint.name, self._tokens, self._journal, self._ids, self._classes)]
        return Rest(application(self.answers, self._report, more), self._models, host, port, grace_s)

    async def start_grpc(self, host: str, port: int) -> Any:
        """Start answering over gRPC and return the server.

        Raises:
            PortInUse: another process listens on the port.
        """
        return await start_grpc(self.answers, self._models, host, port)

    def close(self) -> None:
        """End the threads, write what waits to be written."""
        self._computing.close()
        if self._journal is not None:
            self._journal.close()
        self.answers.tracing.close()

    def _classes(self, task: str) -> Sequence[str] | None:
        heads = [release.heads[task] for release in self._endpoint.ready.values() if task in release.heads]
        return sorted({cls for head in heads for cls in head.classes}) if heads else None

    def _report(self) -> dict[str, Any]:
        told: dict[str, Any] = {**self._endpoint.report(), "waiting": self._computing.waiting}
        if self._journal is not None:
            names = ("written", "waiting", "lost", "trouble")
            told["journal"] = {name: getattr(self._journal, name) for name in names}
        return told

    def _figures(self) -> Iterator[tuple[str, str, float]]:
        """Yield what is looked up when somebody asks for the metrics."""
        yield "perennial_queue_images", "Images that wait for inference or are being computed.", self._computing.waiting
        yield "perennial_store_trouble", "1 while the store can't be read.", bool(self._endpoint.store_trouble)
        yield "perennial_releases_ready", "Releases that are loaded.", len(self._endpoint.ready)
        if (journal := self._journal) is not None:
            yield "perennial_journal_written_total", "Records written to the store.", journal.written
            yield "perennial_journal_waiting", "Records that aren't in the store yet.", journal.waiting
            yield "perennial_journal_lost_total", "Records lost.", journal.lost
            yield "perennial_journal_trouble", "1 while records can't be written.", bool(journal.trouble)

"""A prediction log as servers write it, with what people said and how that was decided."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from perennial.catalog import feedback
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.feedback import Decision, FeedbackRecord
from perennial.catalog.segments import Segment, encode, line
from perennial.deployment.experiments import VersionFigures, figures_by_version

BEGAN = datetime(2026, 10, 1, 12, tzinfo=UTC)
ENDED = BEGAN + timedelta(hours=2)
LATER = ENDED + timedelta(days=1)


@dataclass
class Log:
    """Notes answers as servers do, and decisions as people do."""

    catalog: Catalog
    number: int = field(default=0)

    def answer(
        self, version: int, cls: str = "red", *, at: datetime = BEGAN, task: str = "colours", unfamiliar: bool = False,
        probability: float = 0.5, seconds: float = 0.1,
    ) -> str:  # fmt: skip
        self.number += 1
        record = {
            "kind": "prediction", "prediction_id": f"colours.{self.number}", "at": at.timestamp(), "endpoint": "colours",
            "task": task, "model_version": version, "cls": cls, "probability": probability, "unfamiliar": unfamiliar,
            "seconds": seconds,
        }  # fmt: skip
        segment = Segment("colours", "w", self.number, 0)
        self.catalog.objects.put(segment.key, encode(segment, [line(record)]))
        return str(record["prediction_id"])

    def say(self, cls: str, id: str | None, *, who: str = "ana", state: str = "approved", image: str = "", late: int = 0) -> None:
        name = digest_of_bytes(f"{cls} {id} {who}".encode())
        said = FeedbackRecord(
            feedback=name, at=LATER.timestamp(), endpoint="colours", task="colours", who=who, cls=cls, prediction_id=id
        )
        feedback.add(self.catalog.objects, [said])
        if state != "pending":
            about = (image or f"image of {id}") if state == "approved" else None
            decided = LATER + timedelta(minutes=late)
            feedback.decide(self.catalog.objects, [Decision(name, state, "ben", decided, image=about)])  # type: ignore[arg-type]

    def figures(
        self, versions: Sequence[int] = (1, 2), since: datetime = BEGAN, until: datetime | None = ENDED
    ) -> list[VersionFigures]:
        return figures_by_version(self.catalog, "colours", versions, since, until)

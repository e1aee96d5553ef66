"""What a learnt head said an image shows, where its source was silent: said once, kept with the model that said it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa

from perennial.catalog.objects import Objects
from perennial.catalog.tables import Layout, Table, key_field, quoted

LAYOUT = Layout(
    pa.schema(
        [
            key_field("key"),
            pa.field("judge", pa.string()),
            pa.field("image", pa.string()),
            pa.field("kind", pa.string()),
            pa.field("probability", pa.float64()),
            pa.field("model", pa.string()),
        ]
    ),
    indexed=("key", "image"),
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the model of this digest, of the task ``judge``, said of an image."""

    judge: str
    image: str
    kind: str
    probability: float
    model: str


class Kinds:
    """The kinds of images that were judged; what was said first of an image stays."""

    def __init__(self, objects: Objects) -> None:
        self._table = Table(objects, "kinds", LAYOUT)

    def of(self, judge: str, images: Sequence[str]) -> dict[str, Judged]:
        """Return what a task's models said of those of these images that were judged."""
        columns = ("judge", "image", "kind", "probability", "model")
        rows = self._table.view().lookup("image", images, columns, also=f"judge = {quoted(judge)}").to_pylist()
        return {row["image"]: Judged(**row) for row in rows}

    def remember(self, judged: Sequence[Judged]) -> None:
        """Keep what was said of images that weren't judged before."""
        rows = [{"key": f"{one.judge}/{one.image}", **asdict(one)} for one in judged]
        if rows:
            self._table.insert(pa.Table.from_pylist(rows, schema=LAYOUT.schema))

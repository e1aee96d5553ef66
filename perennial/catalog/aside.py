"""Images that no label rule could label: set aside for people, with the value that the rule didn't know."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.labels import Labels
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Unknown
from perennial.catalog.tables import Layout, Table, key_field, quoted

LAYOUT = Layout(
    pa.schema(
        [
            key_field("key"),
            pa.field("task", pa.string()),
            pa.field("image", pa.string()),
            pa.field("value", pa.string()),
            pa.field("rule", pa.string()),
        ]
    ),
    indexed=("key", "image"),
)


class Aside:
    """What was set aside; a row stays when a person has labelled its image."""

    def __init__(self, objects: Objects, labels: Labels) -> None:
        self._labels = labels
        self.table = Table(objects, "review", LAYOUT)

    def put(self, task: str, unknown: Sequence[Unknown]) -> int:
        """Remember images, each with what is unknown of it now; return how many weren't set aside before."""
        last = {one.image: one for one in unknown}
        before = self.among(task, sorted(last))
        rows = [
            {"key": f"{task}/{image}", "task": task, "image": image, "value": one.value, "rule": one.rule}
            for image, one in sorted(last.items())
        ]
        self.table.put(pa.Table.from_pylist(rows, schema=LAYOUT.schema))
        return len(last.keys() - before)

    def among(self, task: str, images: Sequence[str]) -> set[str]:
        """Return which of these images are set aside."""
        also = f"task = {quoted(task)}"
        return set(self.table.view().lookup("image", images, ("image",), also=also)["image"].to_pylist())

    def tasks(self, image: str) -> list[str]:
        """Return for which tasks an image is set aside."""
        return sorted(self.table.view().lookup("image", [image], ("task",))["task"].to_pylist())

    def take_back(self, image: str) -> None:
        """Have an image be set aside for no task."""
        self.table.delete(f"image = {quoted(image)}")

    def values(self, task: str) -> set[str]:
        """Return all values that were ever unknown, of images labelled since too."""
        rows = self.table.view().read(("value",), f"task = {quoted(task)}")
        return {str(value) for value in pc.unique(rows["value"]).drop_null().to_pylist() if value}

    def waiting(self, task: str) -> pa.Table:
        """Return image and value of those that nobody has labelled since, sorted by image."""
        rows = self.table.view().read(("image", "value"), f"task = {quoted(task)}")
        labelled = self._labels.current(task, None, rows["image"].to_pylist())
        known = labelled.filter(labelled["cls"].is_valid())["image"].combine_chunks()
        values = pc.fill_null(rows["value"], "")
        rows = rows.drop_columns(["value"]).append_column("value", values)
        return rows.filter(pc.invert(pc.is_in(rows["image"], known))).sort_by("image")

    def read_otherwise(self, task: str, rule: str) -> list[str]:
        """Return the images that were set aside under another rule."""
        rows = self.table.view().read(("image", "rule"), f"task = {quoted(task)}")
        return sorted(rows.filter(pc.not_equal(pc.fill_null(rows["rule"], ""), rule))["image"].to_pylist())

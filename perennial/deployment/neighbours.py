"""The training images that a release carries, so that an answer can show those nearest to a picture."""

import bisect
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from perennial.catalog.catalog import Catalog
from perennial.learning.folder import write_arrays, write_json
from perennial.learning.model import Model
from perennial.serving.neighbours import TrainingImage, paths

ABOUT = ("post", "url", "title", "credit", "licence")
LARGEST = 2_000
CANDIDATES = 4 * LARGEST
"""Images that are looked at: 70 % of them are training images, and rare classes are to fill their share."""


def write_neighbours(catalog: Catalog, task: str, model: Model, folder: Path) -> None:
    """Write at most 2,000 training images of a model, by turns from each class, into a release's folder; nothing without any.

    Nothing but the model and its images decides which, so that a release made twice is one release. They come from some of
    the batches that the model learnt, and are labelled as all of these say; however long the history, the cost is the same.
    """
    backbone = model.description.backbone
    ids = _chosen(_candidates(catalog, task, model))
    missing = set(catalog.without_embedding(backbone, list(ids)))
    ids = {image: cls for image, cls in ids.items() if image not in missing}
    if not ids:
        return
    rows = catalog.images(list(ids), ("id", *ABOUT)).to_pylist()
    images = [TrainingImage(image=row["id"], cls=ids[row["id"]], **{name: row[name] or "" for name in ABOUT}) for row in rows]
    table, arrays = paths(folder, task)
    table.parent.mkdir(exist_ok=True)
    write_json(table.parent, table.name, [image.model_dump() for image in images])
    write_arrays(arrays.parent, arrays.name, {"vectors": catalog.embeddings(backbone, list(ids))})


def _candidates(catalog: Catalog, task: str, model: Model) -> list[dict[str, Any]]:
    """Return training images of known classes with their labels, out of enough batches; batches' ids are digests."""
    sizes = {batch.id: batch.images for batch in catalog.batches(task)}
    batches = sorted(model.batches)
    sums = list(itertools.accumulate(sizes.get(batch, 0) for batch in batches))
    enough = batches[: bisect.bisect_left(sums, CANDIDATES) + 1]
    images = sorted(set(catalog.events(task, enough)["image"].to_pylist()))[:CANDIDATES]
    rows: list[dict[str, Any]] = catalog.labelled(task, model.batches, images).to_pylist()
    return [row for row in rows if row["split"] == "train" and row["cls"] in model.description.known]


def _chosen(candidates: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the class of each image that is taken, by turns from each class, in the order of the ids, which are digests."""
    turns: dict[str, int] = {}
    ranked = []
    for row in sorted(candidates, key=lambda row: str(row["image"])):
        turn = turns[row["cls"]] = turns.get(row["cls"], -1) + 1
        ranked.append((turn, row["image"], row["cls"]))
    return {image: cls for _, image, cls in sorted(ranked)[:LARGEST]}

"""Golden images: a few held-out images of a release with the answers that were computed offline."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from perennial.backbones.engines import Backbone
from perennial.catalog.catalog import Catalog
from perennial.learning.model import Model
from perennial.serving.releases import GoldenImage

IMAGES = 8
BATCHES = 4
DIGITS = 6
TOLERANCE = 0.02
"""Largest difference between a served and an offline probability.

On one machine an image's vector is the same integers whatever the batch, so that the difference is rounding alone, under 1e-6.
Another CPU may round features otherwise and move some integers by one step of 4,095, which moves probabilities by thousandths.
A wrong head, backbone or preprocessing moves them by tenths.
"""


def golden_images(catalog: Catalog, task: str, model: Model, threads: int) -> list[GoldenImage]:
    """Choose up to 8 images spread over the classes, by nothing but the model, so that a release made twice is one release.

    They come from a few of the batches that the model learnt, held-out images first: however long the history, the cost is the
    same. Answers rest on the stored embeddings, which are what the gate judged.
    """
    ids = _chosen(_candidates(catalog, task, sorted(model.batches)))
    if not ids:
        return []
    head = model.head()
    probabilities = head.probabilities(_vectors(catalog, model.description.backbone, ids, threads))
    return [
        GoldenImage(
            image=image, task=task, probabilities={cls: round(float(p), DIGITS) for cls, p in zip(head.classes, row, strict=True)}
        )
        for image, row in zip(ids, probabilities, strict=True)
    ]


def _candidates(catalog: Catalog, task: str, batches: Sequence[str]) -> pa.Table:
    """Return labelled images of the first few batches, more of them while they hold too few."""
    taken = 0
    while True:
        taken += BATCHES
        found = catalog.labelled(task, batches[:taken])
        if found.num_rows >= IMAGES or taken >= len(batches):
            return found


def _chosen(candidates: pa.Table) -> list[str]:
    """Take images by turns from each class, the held-out ones first; ids are digests, so their order is as good as random."""
    rows = sorted(candidates.to_pylist(), key=lambda row: (row["split"] != "hold_out", row["image"]))
    turns: dict[str, int] = {}
    ranked = []
    for row in rows:
        turn = turns[row["cls"]] = turns.get(row["cls"], -1) + 1
        ranked.append((row["split"] != "hold_out", turn, row["image"]))
    return [image for _, _, image in sorted(ranked)[:IMAGES]]


def _vectors(catalog: Catalog, backbone: str, ids: Sequence[str], threads: int) -> NDArray[np.int16]:
    if not catalog.without_embedding(backbone, ids):
        return catalog.embeddings(backbone, ids)
    loaded = Backbone.load(catalog.objects, backbone, threads)
    return loaded.embed(np.stack([loaded.preprocess(catalog.pixels(image)) for image in ids]))

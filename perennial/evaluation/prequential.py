"""Test-then-train: how a model does on a batch that it hasn't learnt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perennial.catalog.catalog import Catalog
from perennial.evaluation import held_out as images
from perennial.learning.head import Head
from perennial.task import Task


@dataclass(frozen=True)
class Scores:
    """A batch's images, with their posts, classes (positions) and whether the head was right; all [n]."""

    images: tuple[str, ...]
    posts: tuple[str, ...]
    classes: NDArray[np.int64]
    correct: NDArray[np.bool_]


def score_before_learning(task: Task, catalog: Catalog, head: Head, batch: str) -> Scores:
    """Score all images of a batch, whatever their split, by the labels that the batch gives.

    Raises:
        CatalogError: an image has no embedding under the head's backbone.
    """
    rows = images.labels_of(task, catalog, batch)
    ids = rows["image"].to_pylist()
    vectors = catalog.embeddings(head.backbone, ids) if ids else np.empty((0, head.dims), np.int16)
    position = np.array([task.classes.index(cls) if cls in task.classes else -1 for cls in head.classes], np.int64)
    classes = images.positions(task, rows)
    return Scores(tuple(ids), tuple(rows["post"].to_pylist()), classes, position[head.predict(vectors)] == classes)

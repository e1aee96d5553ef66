"""A small drawn world in a real catalog: images are vectors of a made-up backbone, so that nothing need be embedded."""

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Batch, Image, LabelEvent
from perennial.rules import FolderRule
from perennial.task import FolderSource, GateSpec, LearnerSpec, Task

BACKBONE, DIMS, FIRST = "b" * 64, 16, dt.date(2026, 11, 1)
CLASSES = ("barn", "church", "tower")
Labels = Callable[[int, int], int]


def task(**changes: object) -> Task:
    """Return a task of three classes whose period is a day."""
    fields = {
        "name": "drawn",
        "classes": CLASSES,
        "label": FolderRule(rule="folder"),
        "sources": (FolderSource(type="folder", path=Path("pictures")),),
        "learner": LearnerSpec(period="day"),
        "gate": GateSpec(window_days=3),
    }
    return Task.model_validate(fields | changes)


def _true(cls: int, _post: int) -> int:
    return cls


class World:
    """A catalog and a generator of days of labelled images."""

    def __init__(self, folder: Path, seed: int = 0, spread: float = 350.0) -> None:
        self.catalog = Catalog.open(Objects.open(folder.as_uri()))
        self.rng, self.spread, self.posts = np.random.default_rng(seed), spread, 0
        self.centres = np.random.default_rng(seed + 1).normal(0, 500, (len(CLASSES), DIMS))

    def day(self, number: int, posts: int = 40, *, labels: Labels = _true, classes: tuple[int, ...] = (0, 1, 2)) -> Batch:
        """Add a day of posts, two images each; ``labels`` of (true class, post) says what the source claims."""
        rows, vectors, events = [], [], []
        for _ in range(posts):
            self.posts += 1
            true = int(self.rng.choice(list(classes)))
            for part in range(2):
                pixels = f"{self.posts}/{part}".encode()
                post, published = f"drawn/{self.posts}", FIRST + dt.timedelta(days=number)
                rows.append((Image(digest_of_bytes(pixels), "drawn", post, "", published, "", "", "", {}, 8, 8), pixels))
                vectors.append(self.centres[true] + self.rng.normal(0, self.spread, DIMS))
                events.append(
                    LabelEvent(rows[-1][0].id, "drawn", CLASSES[labels(true, self.posts)], "source", "drawn", published)
                )
        self.catalog.add_images(rows)
        self.catalog.add_embeddings(BACKBONE, [image.id for image, _ in rows], np.clip(vectors, -4095, 4095).astype(np.int16))
        batch = self.catalog.append_labels("drawn", events)
        assert batch is not None
        return batch

    def relabel(self, images: Sequence[str], cls: str | None) -> Batch:
        """Correct the labels of some images."""
        events = [LabelEvent(image, "drawn", cls, "review", "someone", FIRST + dt.timedelta(days=30)) for image in images]
        batch = self.catalog.append_labels("drawn", events)
        assert batch is not None
        return batch

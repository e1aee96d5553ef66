"""An update with 1,000 new images, catalog writes included: after 1,000 images of history, and after 100,000.

In processor time, which other work on the machine disturbs less than time on the clock; the two histories take turns. The
histories' pixels are left out, as nothing reads them.
"""

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.catalog.rows import LabelEvent
from perennial.learning.training import update
from perennial.task import Task, load_task
from tests.benchmarks.bench_catalog import DIMS, picture
from tests.benchmarks.rows import Row

NEW = 1_000
BACKBONE = "backbone"


class History:
    """A catalog with so many images, and a champion that has learnt them."""

    def __init__(self, folder: Path, images: int) -> None:
        self.task: Task = load_task("regions")
        self.catalog, self.champion, self.images = Catalog.open(Objects.open(folder.as_uri())), "", 0
        self.centres = np.random.default_rng(0).normal(0, 300, (len(self.task.classes), DIMS))
        while self.images < images:
            self._write(min(5_000, images - self.images))
        self._learn()

    def step(self) -> float:
        """Write 1,000 new images, labels and embeddings, learn them, and return the processor time in seconds."""
        began = time.process_time()
        self._write(NEW)
        self._learn()
        return time.process_time() - began

    def _write(self, count: int) -> None:
        pictures = [picture(number) for number in range(self.images, self.images + count)]
        rng = np.random.default_rng(self.images)
        posts = np.arange(self.images, self.images + count) // 2
        classes = (posts * 2654435761 >> 7) % len(self.task.classes)
        vectors = np.clip(self.centres[classes] + rng.normal(0, 600, (count, DIMS)), -4095, 4095).astype(np.int16)
        self.catalog.add_images(pictures)
        said = [self.task.classes[position] for position in classes]
        events = [
            LabelEvent(image.id, "regions", cls, "source", "bench", image.published)
            for (image, _), cls in zip(pictures, said, strict=True)
        ]
        self.catalog.append_labels("regions", events)
        self.catalog.add_embeddings(BACKBONE, [image.id for image, _ in pictures], vectors)
        self.images += count

    def _learn(self) -> None:
        trained = update(self.task, self.catalog, BACKBONE, self.champion or None)
        assert trained is not None
        self.champion = trained.digest


def run(quick: bool = False) -> list[Row]:
    """Return the ratio of the two histories."""
    sizes, rounds = ((1_000, 10_000), 3) if quick else ((1_000, 100_000), 7)
    with tempfile.TemporaryDirectory() as folder:
        histories = [History(Path(folder) / str(size), size) for size in sizes]
        with threadpool_limits(1):  # a waiting thread would count as processor time
            times = [[history.step() for history in histories] for _ in range(rounds + 1)][1:]
    short, long = (statistics.median(row[side] for row in times) for side in (0, 1))
    after = f"after {sizes[0]:,} and {sizes[1]:,}, median of {rounds}"
    note = f"{NEW:,} images of {DIMS:,} dims {after}: {short:.2f} → {long:.2f} s of CPU"
    return [Row("update, cost after a long history", long / short, "≤ 1.1", "×", note)]

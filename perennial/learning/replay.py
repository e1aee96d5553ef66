"""Which images fine-tuning replays, and how they come off the store while the last ones are computed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from perennial.backbones.preprocess import Pixels
from perennial.catalog.catalog import Catalog
from perennial.learning.calibration import LARGEST
from perennial.task import Task

AHEAD = 3
"""Batches that are decoded while one is computed."""

Positions = NDArray[np.int64]
Read = Callable[[int], Pixels]


@dataclass(frozen=True)
class Examples:
    """Images and their classes, as positions [n] in the names of the classes that have images to learn from."""

    images: tuple[str, ...]
    classes: Positions

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class Replay:
    """What a task's backbone can be trained on: open batches' images, to learn from and (the newest 1,000) to be measured by."""

    names: tuple[str, ...]
    train: Examples
    calibrate: Examples

    @classmethod
    def of(cls, task: Task, catalog: Catalog) -> "Replay":
        """Read a task's labels; batches that are held or rejected and held-out images have no part in it."""
        rows = catalog.labelled(task.name)
        train, calibrate = (rows.filter(pc.equal(rows["split"], split)) for split in ("train", "calibrate"))
        there = set(train["cls"].to_pylist())
        names = tuple(name for name in task.classes if name in there)
        newest = calibrate.sort_by([("published", "descending"), ("image", "ascending")])
        return cls(names, _examples(train, names), _examples(newest, names, LARGEST))


def _examples(rows: pa.Table, names: tuple[str, ...], most: int | None = None) -> Examples:
    rows = rows.filter(pc.is_in(rows["cls"], pa.array(names, pa.string()))).slice(0, most)
    classes = [names.index(name) for name in rows["cls"].to_pylist()]
    return Examples(tuple(rows["image"].to_pylist()), np.array(classes, np.int64))


def drawn(classes: Positions, most: int, draw: np.random.Generator) -> Positions:
    """Return which examples one epoch shows: of each class as many as of the largest one, at most ``most``, shuffled.

    Old and new images alike, each of a class as often as any other of it, give or take one: experience replay from a memory
    balanced by class (Chaudhry et al. 2019, arXiv:1902.10486; Prabhu et al. 2020, "GDumb"), here the whole catalog.
    """
    counts = np.bincount(classes)
    each = min(int(counts.max()), most)
    chosen = [_spread(np.flatnonzero(classes == cls), each, draw) for cls in np.flatnonzero(counts)]
    return draw.permutation(np.concatenate(chosen))


def _spread(places: Positions, count: int, draw: np.random.Generator) -> Positions:
    """Return ``count`` of the places: all of them in turn, as often as it takes."""
    turns = [draw.permutation(places) for _ in range(-(-count // len(places)))]
    return np.concatenate(turns)[:count]


def batches(order: Positions, size: int, read: Read, threads: int) -> Iterator[tuple[Positions, Pixels]]:
    """Yield parts of the order and their pictures, uint8 [n, side, side, 3]; ``read`` takes a place in the order.

    Threads, since decoding leaves Python's lock alone, while forked processes would inherit the store's client in the
    middle of its work and each spawned one would import everything anew.
    """
    waiting: deque[tuple[Positions, list[Future[Pixels]]]] = deque()
    with ThreadPoolExecutor(threads, "decode") as pool:
        try:
            for start in range(0, len(order), size):
                part = order[start : start + size]
                waiting.append((part, [pool.submit(read, start + offset) for offset in range(len(part))]))
                if len(waiting) > AHEAD:
                    yield _stacked(*waiting.popleft())
            while waiting:
                yield _stacked(*waiting.popleft())
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _stacked(part: Positions, pictures: Sequence[Future[Pixels]]) -> tuple[Positions, Pixels]:
    return part, np.stack([picture.result() for picture in pictures])

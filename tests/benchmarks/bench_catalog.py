"""Adding and looking up 1,000 images, labels and embeddings: after 1,000 rows of history, and after 100,000.

In processor time, which other work on the machine disturbs less than time on the clock. Writing the pixels' files is
left out: it is the file system's, and its noise is larger than what is asked here.
"""

import datetime
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Image, LabelEvent
from tests.benchmarks.rows import Row

NEW = 1_000
DIMS = 2_048
TASK = "regions"
DAY = datetime.date(2020, 1, 1)


def picture(number: int) -> tuple[Image, bytes]:
    """Return an image that only the catalog has to like."""
    pixels = f"pixels {number}".encode()
    published = DAY + datetime.timedelta(days=number // 80)
    metadata = {"place": "Porto, Portugal"}
    image = Image(digest_of_bytes(pixels), "demo", f"demo/{number // 2}", "", published, "", "", "photo", metadata, 640, 480)
    return image, pixels


class Timed:
    """Calls with their processor time in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, call: Callable[[], Any]) -> Any:
        began = time.process_time()
        result = call()
        self.seconds[name] = time.process_time() - began
        return result


def add(catalog: Catalog, numbers: Sequence[int]) -> dict[str, float]:
    """Add images, labels and embeddings as an update does, look them up, and return the seconds of each call."""
    pictures = [picture(number) for number in numbers]
    ids = [image.id for image, _ in pictures]
    vectors = np.random.default_rng(numbers[0]).integers(-4095, 4096, (len(ids), DIMS), dtype=np.int16)
    events = [LabelEvent(image.id, TASK, "Europe", "source", "demo", image.published) for image, _ in pictures]
    timed = Timed()
    timed("add_images", lambda: catalog.add_images(pictures))
    assert timed("unlabelled", lambda: catalog.unlabelled(TASK)).num_rows == len(ids)
    batch = timed("append_labels", lambda: catalog.append_labels(TASK, events))
    assert timed("without_embedding", lambda: catalog.without_embedding("backbone", ids)) == ids
    timed("add_embeddings", lambda: catalog.add_embeddings("backbone", ids, vectors))
    assert timed("labelled", lambda: catalog.labelled(TASK, [batch.id])).num_rows == len(ids)
    assert np.array_equal(timed("embeddings", lambda: catalog.embeddings("backbone", ids)), vectors)
    return timed.seconds


def measure(history: int, rounds: int) -> dict[str, float]:
    """Return the median milliseconds of each call after so many rows."""
    with tempfile.TemporaryDirectory() as folder:
        catalog = Catalog.open(Objects.open(Path(folder).as_uri()))
        for start in range(0, history, 5_000):
            add(catalog, range(start, min(history, start + 5_000)))
        taken = [add(catalog, range(start, start + NEW)) for start in range(history, history + rounds * NEW, NEW)]
    return {name: 1_000 * statistics.median(one[name] for one in taken) for name in taken[0] if name != "add_images"}


def run(*, quick: bool) -> list[Row]:
    """Return the ratio of the two histories."""
    histories, rounds = ((1_000, 10_000), 4) if quick else ((1_000, 100_000), 12)
    short, long = (measure(history, rounds) for history in histories)
    calls = ", ".join(f"{name} {short[name]:.0f} → {long[name]:.0f}" for name in short)
    note = f"{NEW:,} images of {DIMS:,} dims after {histories[0]:,} and {histories[1]:,}, median of {rounds}, ms: {calls}"
    return [Row("catalog, cost after a long history", sum(long.values()) / sum(short.values()), "≤ 1.5", "×", note)]

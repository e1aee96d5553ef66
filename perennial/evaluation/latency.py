"""How long heads take, measured side by side."""

import time
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perennial.learning.head import Head

REPEATS, IMAGES = 9, 256


def head_ms(heads: Sequence[tuple[Head, NDArray[np.int16]]]) -> list[float | None]:
    """Return milliseconds per image of each head on its vectors: the median of interleaved repeats; None without vectors."""
    if not heads or not len(heads[0][1]):
        return [None] * len(heads)
    times = np.zeros((REPEATS + 1, len(heads)))
    for repeat in range(REPEATS + 1):
        for position, (head, vectors) in enumerate(heads):
            start = time.perf_counter()
            head.probabilities(vectors[:IMAGES])
            head.unfamiliar(vectors[:IMAGES])
            times[repeat, position] = time.perf_counter() - start
    count = min(len(heads[0][1]), IMAGES)
    return [float(value) * 1000 / count for value in np.median(times[1:], axis=0)]

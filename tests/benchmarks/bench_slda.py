"""Streaming LDA by sums against the same algorithm image by image, as published (Hayes and Kanan 2020, algorithm 1).

Time on the clock, the best of several repeats of each, which other work on the machine disturbs least.
"""

import functools
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from perennial.learning.learners.base import Events
from perennial.learning.learners.slda import Slda
from tests.benchmarks.rows import Row

DIMS, CLASSES = 2_048, 8


class PerSample:
    """Running class means and a running covariance, updated with every image in float32; shrinkage 1e-4 as published."""

    def __init__(self) -> None:
        self.means = np.zeros((CLASSES, DIMS), np.float32)
        self.counts = np.zeros(CLASSES)
        self.covariance = np.zeros((DIMS, DIMS), np.float32)
        self.seen = 0

    def learn(self, vector: NDArray[np.float32], cls: int) -> None:
        """Learn one image: the covariance by the outer product of its deviation, then its class's mean."""
        deviation = vector - self.means[cls]
        share = np.float32(self.seen / (self.seen + 1))
        self.covariance = (self.seen * self.covariance + share * np.outer(deviation, deviation)) / np.float32(self.seen + 1)
        self.means[cls] += deviation / np.float32(self.counts[cls] + 1)
        self.counts[cls] += 1
        self.seen += 1

    def answers(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the likeliest class of each image."""
        precision = np.linalg.inv((1 - 1e-4) * self.covariance + 1e-4 * np.eye(DIMS, dtype=np.float32))
        weights = self.means @ precision
        return np.asarray((vectors @ weights.T - 0.5 * (self.means * weights).sum(axis=1)).argmax(axis=1), np.int64)


def _learn(learner: PerSample, vectors: NDArray[np.float32], classes: NDArray[np.int64], start: int, count: int) -> None:
    for position in range(start, start + count):
        learner.learn(vectors[position], int(classes[position]))


def _seconds(call: Callable[[], None]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def run(quick: bool = False) -> list[Row]:
    """Return how much faster learning is, and by how much the answers differ."""
    images, timed = (1_000, 200) if quick else (3_000, 400)
    rng = np.random.default_rng(0)
    centres, shared = rng.normal(0, 40, (CLASSES, DIMS)), rng.normal(0, 100, (64, DIMS))
    classes = rng.integers(0, CLASSES, 2 * images)
    drawn = centres[classes] + rng.normal(size=(2 * images, 64)) @ shared + rng.normal(0, 400, (2 * images, DIMS))
    vectors = np.clip(drawn, -4095, 4095).astype(np.int16)
    events = Events(vectors[:images], classes[:images], np.ones(images, np.int64), np.full(images, "2026-11"))
    sums, single, floats = Slda(DIMS, CLASSES), PerSample(), vectors.astype(np.float32)
    by_sums = min(_seconds(lambda: Slda(DIMS, CLASSES).apply(events)) for _ in range(5)) / images
    sums.apply(events)
    pieces = [functools.partial(_learn, single, floats, classes, start, 20) for start in range(0, timed, 20)]
    one_by_one = min(map(_seconds, pieces)) / 20
    _learn(single, floats, classes, timed, images - timed)
    test, truth = slice(images, None), classes[images:]
    found = sums.logits(vectors[test]).argmax(axis=1), single.answers(floats[test])
    ours, theirs = (100 * float((answers == truth).mean()) for answers in found)
    note = f"{images:,} images of {DIMS:,} dims: {1e6 * by_sums:.0f} against {1e6 * one_by_one:.0f} µs an image"
    return [
        Row("LDA update against image by image", one_by_one / by_sums, "≥ 100", "×", note),
        Row("LDA answers above image by image", ours - theirs, "≥ -0.5", "points", f"{ours:.1f} % against {theirs:.1f} %"),
    ]

"""Intervals in which posts, not images, are the units: pictures of one building rise and fall together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

DRAWS = 2000


class Interval(BaseModel):
    """A figure with the ends of its interval."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Answers:
    """Which images of which posts and classes two classifiers got right; all [n]."""

    posts: Sequence[str]
    classes: NDArray[np.int64]
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]


def paired(answers: Answers, *, balanced: bool, level: float = 0.95, seed: int = 0) -> Interval | None:
    """Return by how much the second classifier's accuracy exceeds the first's, with a percentile bootstrap over posts.

    ``balanced`` takes the mean over the classes that a draw holds. None without images. Draws depend on ``seed`` and the
    posts' order alone.
    """
    if not len(answers.classes):
        return None
    _, post = np.unique(np.asarray(answers.posts), return_inverse=True)
    group = answers.classes if balanced else np.zeros_like(answers.classes)
    shape = (int(post.max()) + 1, int(group.max()) + 1)
    gain, size = np.zeros(shape), np.zeros(shape)
    np.add.at(gain, (post, group), answers.second.astype(float) - answers.first)
    np.add.at(size, (post, group), 1.0)
    draws = np.random.default_rng(seed).multinomial(shape[0], np.full(shape[0], 1 / shape[0]), DRAWS).astype(np.float64)
    values = _mean_gain(draws @ gain, draws @ size)
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=float(_mean_gain(gain.sum(axis=0), size.sum(axis=0))), low=float(low), high=float(high))


def _mean_gain(gain: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gain per image, averaged over the groups that hold images (last axis)."""
    present = size > 0
    result: NDArray[np.float64] = (np.where(present, gain / np.where(present, size, 1), 0)).sum(axis=-1) / present.sum(axis=-1)
    return result


def clustered_mean(right: NDArray[np.bool_], posts: Sequence[str] | NDArray[Any]) -> tuple[float, float]:
    """Return the mean and its standard error where images of one post are one draw (linearised ratio)."""
    _, post = np.unique(np.asarray(posts), return_inverse=True)
    size, hits = np.bincount(post), np.bincount(post, weights=right)
    mean = float(hits.sum() / size.sum())
    groups = len(size)
    # One image more of each outcome keeps the error of a sample without a single mistake above zero.
    smooth = (hits.sum() + 1) / (size.sum() + 2)
    least = smooth * (1 - smooth) / size.sum()
    variance = ((hits - mean * size) ** 2).sum() / size.sum() ** 2 * groups / max(groups - 1, 1)
    return mean, float(np.sqrt(max(variance, least)))

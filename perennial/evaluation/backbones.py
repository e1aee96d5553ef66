"""A comparison across backbones: what the champion needs of its own, and what both cost."""

import statistics
import time
from collections.abc import Callable

import numpy as np

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.catalog.catalog import Catalog
from perennial.learning.model import load_model
from perennial.task import Task

Progress = Callable[[int, int], None]
ROUNDS = 9


def prepare(
    task: Task, catalog: Catalog, backbone: str, champion: str | None, threads: int, *, progress: Progress
) -> dict[str, float]:
    """Embed what is labelled under the champion's backbone too, where it isn't ``backbone``.

    Returns:
        milliseconds per image by backbone digest; empty where both models share one, which then costs the same.
    """
    theirs = load_model(catalog.objects, task.name, champion).description.backbone if champion else backbone
    if theirs == backbone:
        return {}
    pair = [Backbone.load(catalog.objects, digest, threads) for digest in (backbone, theirs)]
    embed_missing(catalog, pair[1], catalog.labelled(task.name)["image"].to_pylist(), progress=progress)
    times = [[_ms(one) for one in pair] for _ in range(ROUNDS)]
    return {one.digest: statistics.median(turn[place] for turn in times) for place, one in enumerate(pair)}


def _ms(backbone: Backbone) -> float:
    side = backbone.description.preprocessing.crop
    picture = np.zeros((1, side, side, 3), np.uint8)
    began = time.perf_counter()
    backbone.embed(picture)
    return (time.perf_counter() - began) * 1000

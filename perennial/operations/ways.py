"""The ways from labelled images to a challenger. Imports nothing, so that defining the pipeline costs nothing."""

from typing import Literal

Way = Literal["nothing", "learn", "fan-out", "export", "finetune"]

PREPARING: tuple[Way, ...] = ("export", "finetune")
"""Ways named after the step that they add before embed."""

SHARDS = 4
"""Pods that embed side by side where one would take long."""


def in_shard(image: str, shard: int, of: int) -> bool:
    """Return whether an image belongs to one of ``of`` shards; its id is a hash, so all are about as large."""
    return int(image[:8], 16) % of == shard

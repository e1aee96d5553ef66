"""Which way a run takes, by what is in the store already."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from perennial.operations.routes import route
from perennial.operations.ways import SHARDS, in_shard
from tests.small_world import World, add_batch, template


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


def way(world: World, **changes: Any) -> str:
    return route(world.task.model_copy(update=changes), world.catalog).way


def test_few_images_are_embedded_where_they_are_learnt(world: World) -> None:
    add_batch(world.catalog, "colours", 7)
    assert way(world, shard_images=60) == "learn"


def test_more_than_a_shard_are_spread_over_pods(world: World) -> None:
    add_batch(world.catalog, "colours", 7)
    assert way(world, shard_images=59) == "fan-out"


def test_images_that_have_embeddings_count_for_nothing(world: World) -> None:
    assert way(world, shard_images=1) == "learn"


def test_a_backbone_that_the_store_has_not_is_exported_first(world: World) -> None:
    other = world.task.backbone.model_copy(update={"weights": "random:1"})
    assert way(world, backbone=other, shard_images=1) == "export"


def test_a_task_that_asks_is_finetuned(world: World) -> None:
    assert way(world, finetune=world.task.finetune.model_copy(update={"when": "always"})) == "finetune"


def test_shards_share_the_images_out_without_overlap(world: World) -> None:
    ids = world.catalog.image_ids()
    counts = Counter(sum(in_shard(id, shard, SHARDS) for shard in range(SHARDS)) for id in ids)
    assert counts == {1: len(ids)}
    assert all(sum(in_shard(id, shard, SHARDS) for id in ids) > len(ids) / SHARDS / 2 for shard in range(SHARDS))

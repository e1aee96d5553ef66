"""Worlds to tidy."""

import dataclasses
import functools
from pathlib import Path

import pytest

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.learning.training import update
from tests.deployment.acts import go
from tests.operations.retention.in_process import open_world
from tests.small_world import World, add_batch, deployed_template

MODELS = 5


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Releases are proved without a server."""
    monkeypatch.setattr("perennial.deployment.endpoints.open_world", open_world)


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose first model serves, and two more wait."""
    return deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@functools.cache
def _long_template(base: Path) -> World:
    world = deployed_template(base).copy(base / "long-world")
    (version,) = world.registry.versions("colours")
    backbone = Backbone.load(world.objects, version.backbone, 1)
    learnt = list(world.models)
    for batch in range(len(learnt), MODELS):
        embed_missing(world.catalog, backbone, add_batch(world.catalog, "colours", batch))
        trained = update(world.task, world.catalog, version.backbone, learnt[-1])
        assert trained is not None
        learnt.append(trained.digest)
    return dataclasses.replace(world, models=tuple(learnt))


@pytest.fixture(scope="session")
def long_template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of many models, the first of which serves; it is copied, not changed."""
    return _long_template(tmp_path_factory.getbasetemp())


@functools.cache
def _promoted_template(base: Path) -> World:
    world = _long_template(base).copy(base / "promoted-world")
    for number in range(2, MODELS + 1):
        assert go(world, number, number - 1).outcome == "promoted"
    return world


@pytest.fixture
def promoted(in_process: None, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of its own in which every model was promoted in turn."""
    return _promoted_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")

"""Worlds to deploy in."""

import functools
from pathlib import Path

import pytest

from tests.deployment.acts import go
from tests.small_world import World, deployed_template, template


@pytest.fixture
def fresh(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of its own in which nothing was deployed yet."""
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of its own whose first model serves."""
    return deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@pytest.fixture
def second(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of its own whose second model serves, and the first one served before."""
    return _second_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@functools.cache
def _second_template(base: Path) -> World:
    world = deployed_template(base).copy(base / "small-world-second")
    assert go(world, 2, 1).outcome == "promoted"
    return world

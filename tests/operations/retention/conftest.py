"""Worlds to tidy."""

import functools
from pathlib import Path

import pytest

from tests.deployment.acts import go
from tests.small_world import World, deployed_template, make_world

MODELS = 5


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world whose first model serves, and two more wait."""
    return deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@functools.cache
def _long_template(base: Path) -> World:
    return make_world(base / "long-world", MODELS)


@pytest.fixture(scope="session")
def long_template(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of many models, none of which is deployed; it is copied, not changed."""
    return _long_template(tmp_path_factory.getbasetemp())


@functools.cache
def _promoted_template(base: Path) -> World:
    world = _long_template(base).copy(base / "promoted-world")
    for number in range(1, MODELS + 1):
        assert go(world, number, number - 1 or None).outcome == "promoted"
    return world


@pytest.fixture
def promoted(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of its own in which every model was promoted in turn."""
    return _promoted_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")

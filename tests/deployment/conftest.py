"""Worlds to deploy in."""

from pathlib import Path

import pytest

from tests.small_world import World, deployed_template, template


@pytest.fixture
def fresh(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of its own in which nothing was deployed yet."""
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world of its own whose first model serves."""
    return deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")

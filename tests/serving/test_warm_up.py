"""No request pays for the first one: a release has computed before anybody can ask it."""

from pathlib import Path
from typing import Any

import pytest

from perennial.backbones.engines import OpenVinoEngine
from perennial.serving.endpoint import Endpoint
from tests.small_world import World, template


@pytest.fixture
def world(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")


@pytest.mark.parametrize("way", ["start", "reconcile", "pinned"])
def test_each_backbone_has_computed_before_its_release_is_ready(world: World, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    release = world.release(1)
    endpoint = Endpoint(world.objects, "colours", 1, release if way == "pinned" else None)
    computed: list[int] = []
    run = OpenVinoEngine.run

    def noted(engine: OpenVinoEngine, images: Any) -> Any:
        assert not endpoint.ready
        computed.append(len(images))
        return run(engine, images)

    monkeypatch.setattr(OpenVinoEngine, "run", noted)
    if way == "reconcile":
        endpoint.start(canary_alone=False)
        assert (computed, endpoint.ready) == ([], {})
    if way != "pinned":
        world.write_record(stable=release)
    if way == "reconcile":
        endpoint.reconcile()
    else:
        endpoint.start(canary_alone=False)
    group = endpoint.ready[release].backbones["colours"].description.group
    assert computed == sorted({1, group})

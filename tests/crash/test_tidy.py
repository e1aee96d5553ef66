"""kill -9 of ``perennial tidy`` at seeded moments: what is needed stays, and the last one ends as an undisturbed one does."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from perennial.catalog.access import Place
from perennial.catalog.bucket import set_up_bucket
from perennial.deployment.deploy import rollback
from perennial.operations.copy import copy
from tests.deployment.acts import assert_settled, go
from tests.minio_server import ROOT, needs_minio, running_minio
from tests.small_world import World, make_world

pytestmark = pytest.mark.crash

SEED, KILLS, MODELS = 7, 8, 5


def tidy(world: World) -> subprocess.Popen[bytes]:
    variables = {
        "PERENNIAL_HOME": str(world.settings.home),
        "PERENNIAL_STORE": world.settings.store,
        "PERENNIAL_KEEP_VERSIONS": "1",
        "PERENNIAL_KEEP_MODELS_DAYS": "30",
    }
    source = (
        "from datetime import UTC, datetime, timedelta; from perennial.operations.retention import tidy; "
        "from perennial.settings import Settings; "
        "list(tidy(Settings.load(), at=datetime.now(UTC) + timedelta(days=400)))"
    )
    return subprocess.Popen([sys.executable, "-c", source], env={**os.environ, **variables}, start_new_session=True)


def left(world: World) -> set[str]:
    """Return what lies in the store, but tables, whose versions age by themselves, and leases."""
    return {key for key in world.objects.sizes() if not key.startswith(("catalog/", "leases/"))}


def in_a_bucket(world: World) -> World:
    """Return the world with its store in the bucket, below its home's name."""
    settings = world.settings.model_copy(update={"store": f"s3://perennial/{world.settings.home.name}"})
    moved = dataclasses.replace(world, settings=settings)
    copy(world.objects, moved.objects)
    return moved


@pytest.fixture(params=["folder", pytest.param("bucket", marks=needs_minio)])
def worlds(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, World]]:
    """A world of as many versions as models, and its twin."""
    world = make_world(tmp_path / "home", MODELS)
    for number in range(1, MODELS + 1):
        assert go(world, number, number - 1 or None).outcome == "promoted"
    twin = world.copy(tmp_path / "twin")
    if request.param == "folder":
        yield world, twin
        return
    with running_minio(tmp_path / "minio") as address:
        set_up_bucket(Place.of(address, "s3://perennial/store"), ROOT, {}, wait_s=60)
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ROOT.access)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", ROOT.secret)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield in_a_bucket(world), in_a_bucket(twin)


@pytest.mark.timeout(900)
def test_killed_and_done_again_it_leaves_what_an_undisturbed_one_leaves(worlds: tuple[World, World]) -> None:
    world, twin = worlds
    began = time.monotonic()
    assert tidy(twin).wait(120) == 0
    takes = time.monotonic() - began
    moments, killed = random.Random(SEED), 0
    for _ in range(KILLS):
        process = tidy(world)
        time.sleep(moments.uniform(0.3, 1.0) * takes)
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert_settled(world, world.models[-1])
    assert killed >= KILLS // 2
    assert tidy(world).wait(120) == 0
    assert left(world) == left(twin)
    archived = {version.number for version in world.registry.versions("colours") if version.archived}
    assert archived == {version.number for version in twin.registry.versions("colours") if version.archived} != set()
    for number in {*range(1, MODELS + 1)} - archived:
        assert rollback(world.task, world.catalog, world.registry, world.settings, number, "a test").outcome == "promoted"

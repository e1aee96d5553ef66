"""kill -9 of ``perennial tidy`` at seeded moments: what is needed stays, and the last one ends as an undisturbed one does."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from perennial.deployment.deploy import rollback
from tests.deployment.acts import assert_settled, go
from tests.small_world import World, make_world

pytestmark = pytest.mark.crash

SEED, KILLS, MODELS = 7, 8, 5


def tidy(world: World) -> subprocess.Popen[bytes]:
    variables = {
        "PERENNIAL_HOME": str(world.settings.home),
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


@pytest.mark.timeout(900)
def test_killed_and_done_again_it_leaves_what_an_undisturbed_one_leaves(tmp_path: Path) -> None:
    world = make_world(tmp_path / "home", MODELS)
    for number in range(1, MODELS + 1):
        assert go(world, number, number - 1 or None).outcome == "promoted"
    twin = world.copy(tmp_path / "twin")
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

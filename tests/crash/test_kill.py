"""kill -9 of runs at seeded moments, then a clean run: the state is that of runs which nobody disturbed."""

import dataclasses
import datetime
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.registry import Registry
from perennial.settings import Settings
from perennial.sources.demo_site.posts import first_day
from perennial.sources.demo_site.server import DemoSite
from perennial.task import DemoSource, load_task, save_task

pytestmark = pytest.mark.crash

SEED = 7
ROUNDS = 10
FIRST_DAYS, MORE_DAYS = 24, 8


@pytest.fixture
def site() -> Iterator[DemoSite]:
    with DemoSite(seed=SEED, today=first_day()) as running:
        yield running


@dataclasses.dataclass
class World:
    """One installation with the demo's task, on a site that both worlds share."""

    home: Path
    site: DemoSite

    def __post_init__(self) -> None:
        bundled = load_task("demo", self.home)
        gate = bundled.gate.model_copy(update={"first_balanced_accuracy": 0.0, "recall_floor": 0.0, "min_held_out": 5})
        source = DemoSource(type="demo", base_url=self.site.url)
        save_task(bundled.model_copy(update={"sources": (source,), "gate": gate}), self.home / "tasks" / "demo.yaml")
        self.settings = Settings.load(home=self.home / "state", tasks=self.home / "tasks")

    def start(self) -> subprocess.Popen[bytes]:
        variables = {"PERENNIAL_HOME": str(self.settings.home), "PERENNIAL_TASKS": str(self.settings.tasks)}
        command = [sys.executable, "-m", "perennial", "run", str(self.settings.tasks / "demo.yaml")]
        with (self.home / "run.log").open("ab") as log:
            return subprocess.Popen(command, env={**os.environ, **variables}, start_new_session=True, stdout=log, stderr=log)

    def run(self) -> float:
        began = time.monotonic()
        assert self.start().wait(600) == 0, (self.home / "run.log").read_text()[-2000:]
        return time.monotonic() - began

    def kill_after(self, seconds: float, *, whole_group: bool) -> None:
        """Kill the run, by itself or with all that it started, and wait until none of its processes is left."""
        run = self.start()
        time.sleep(seconds)
        family = (
            [run.pid, *(child.pid for child in psutil.Process(run.pid).children(recursive=True))] if run.poll() is None else []
        )
        if whole_group:
            os.killpg(run.pid, signal.SIGKILL)
        else:
            run.kill()
        run.wait(30)
        deadline = time.monotonic() + 20
        while any(psutil.pid_exists(pid) for pid in family) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not [pid for pid in family if psutil.pid_exists(pid)], "a step outlived its run"

    def state(self) -> dict[str, object]:
        """Return all that matters: rows, batches, models, aliases, the serving model and the runs that said how they ended."""
        catalog = Catalog.open(Objects.open(self.settings.store_url))
        registry = Registry(self.settings.mlflow_uri)
        versions = registry.versions("demo")
        champion = registry.champion("demo")
        embedded = catalog.sql("select * from embeddings order by all").to_pylist()
        return {
            "images": catalog.sql("select id, post, published, kind, place from images order by id").to_pylist(),
            "labels": catalog.sql("select * from labels order by all").to_pylist(),
            "embeddings": embedded,
            "vectors": _vectors(catalog, embedded),
            "batches": [(batch.id, batch.images, batch.status) for batch in catalog.batches("demo")],
            "models": [version.digest for version in versions],
            "champion": champion.digest if champion else None,
            "outcomes": [(run.outcome, run.tags["challenger"]) for run in registry.runs("demo") if run.outcome != "unfinished"],
        }


def _vectors(catalog: Catalog, rows: list[dict[str, str]]) -> dict[str, bytes]:
    backbones = sorted({row["backbone"] for row in rows})
    ids = {backbone: sorted(row["image"] for row in rows if row["backbone"] == backbone) for backbone in backbones}
    return {backbone: catalog.embeddings(backbone, ids[backbone]).tobytes() for backbone in backbones}


@pytest.mark.timeout(3600)
def test_killed_runs_leave_what_undisturbed_ones_do(site: DemoSite, tmp_path: Path) -> None:
    calm, stormy = World(tmp_path / "calm", site), World(tmp_path / "stormy", site)
    moments = random.Random(SEED)
    for number in range(ROUNDS):
        site.today = first_day() + datetime.timedelta(days=FIRST_DAYS + MORE_DAYS * number)
        length = calm.run()
        for whole_group in (False, True):
            stormy.kill_after(moments.uniform(0.02, 0.95) * length, whole_group=whole_group)
        stormy.run()
        expected, found = calm.state(), stormy.state()
        for part, value in expected.items():
            assert found[part] == value, f"{part} differ after round {number}"

"""What a run with nothing new costs on a cluster beyond the pods that it can't do without.

Needs KUBECONFIG, PERENNIAL_KFP and a task that has learnt all that its source has: ``PERENNIAL_BENCH_TASK``, by default demo.
``PERENNIAL_TEST_FIT`` is a filter that fits a package to an older back end.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from kfp import compiler, dsl

from components.images import tag
from perennial.settings import Settings
from pipelines.api import PipelinesApi
from pipelines.compile import compile_pipeline
from pipelines.records import Version
from tests.benchmarks.rows import Row
from tests.cluster.installation import fitted

FLOOR = "floor"


def floor(image: str) -> Any:
    """Return a pipeline of the same pods as a run with nothing new, with nothing in them."""

    @dsl.component(base_image=image, install_kfp_package=False)
    def look() -> str:
        return "nothing"

    @dsl.component(base_image=image, install_kfp_package=False)
    def act() -> None:
        pass

    @dsl.pipeline(name="perennial-continual")
    def pods(task: str, definition: str = "") -> None:
        with dsl.ExitHandler(act().set_caching_options(False), name="loop"):
            looked = look().set_caching_options(False)
            with dsl.If(looked.output != "nothing", name="something-new"):
                act().set_caching_options(False)

    return pods


def run(quick: bool = False) -> list[Row]:
    """Run both in turn; medians of the rounds. Nothing is measured where no cluster is named."""
    settings = Settings.load(accelerator="")
    if not settings.kfp:
        print("skip cluster: PERENNIAL_KFP names no Kubeflow Pipelines API", file=sys.stderr)
        return []
    api = PipelinesApi(settings)
    task = os.environ.get("PERENNIAL_BENCH_TASK", "demo")
    with tempfile.TemporaryDirectory() as folder:
        ours, empty = Path(folder) / "ours.yaml", Path(folder) / "empty.yaml"
        compile_pipeline(ours, settings)
        compiler.Compiler().compile(floor(f"{settings.images}perennial-step:{tag()}"), str(empty))
        versions = [api.upload(fitted(path), f"bench-{path.stem}-{time.time():.0f}") for path in (ours, empty)]
        turns = [[_seconds(api, version, task) for version in versions] for _ in range(2 if quick else 5)]
    ratio = statistics.median(real / least for real, least in turns)
    medians = [statistics.median(turn[side] for turn in turns) for side in (0, 1)]
    note = f"{medians[0]:.0f} s / {medians[1]:.0f} s, from a run's creation to its end"
    return [Row("run with nothing new / the same pods, empty", ratio, "≤ 1.3", "x", note)]


def _seconds(api: PipelinesApi, version: Version, task: str) -> float:
    began = time.monotonic()
    started = api.start(api.experiment(f"perennial-{FLOOR}"), f"bench {task}", version, {"task": task, "definition": ""})
    while not (found := api.run(started)).ended:
        time.sleep(0.5)
    if found.state != "SUCCEEDED":
        raise RuntimeError(f"the run {started} ended as {found.state}")
    return time.monotonic() - began

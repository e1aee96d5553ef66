"""The pod of each step killed in turn: the run retries or fails cleanly, and the next one ends in the undisturbed state."""

import re
from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.learning.model import model_prefix
from perennial.registry import Registry
from perennial.settings import Settings
from perennial.sources.demo_site.posts import day
from perennial.sources.demo_site.server import DemoSite
from perennial.task import DemoSource, Task, load_task
from pipelines.here import run_here
from tests.cluster import kubectl as k
from tests.cluster.installation import Installation, set_day

FIRST = -169
LOG = ("-n", k.PIPELINES, "logs")
LENIENT = {
    "min_new_images": 1,
    "min_held_out": 1,
    "first_balanced_accuracy": 0,
    "recall_floor": 0,
    "max_forgetting": 1.0,
    "confidence": 0.9999,
    "max_latency_ratio": 100,
}
OWN = {"network": "resnet18", "weights": "random:1", "resize": 128, "crop": 128}
"""A backbone that no other task has exported."""

PODS = ("export", "scrape", "embed-2", "learn", "deploy", "record")
"""Killed in this order, each while two more days of posts are taken in; few enough posts that no batch looks suspicious."""


@pytest.mark.timeout(3600)
def test_each_pod_killed_in_turn(installed: Installation, tmp_path: Path) -> None:
    for number, pod in enumerate(PODS):
        set_day(FIRST + 2 * number)
        task = installed.task("killed", gate=LENIENT, backbone=OWN, shard_images=1 if pod.startswith("embed") else 1000)
        run = installed.start(task)
        kill(run, pod)
        installed.end(run)
        after = installed.run(task)
        assert after["outcome"] in ("promoted", "nothing new", "nothing to learn"), (pod, after)
    assert installed.objects.get_json("runs/killed/state.json")["open"] == []
    calm = undisturbed(tmp_path, load_task(str(task)))
    assert state(installed.catalog, installed.registry, "killed") == state(*calm, "killed")


def kill(run: str, pod: str) -> None:
    """Delete a run's pod as soon as its step says something, without any grace."""

    def talks() -> list[str]:
        return [name for name in executor(run, pod) if "[perennial]" in k.kubectl(*LOG, name, "-c", "main", ok=False)]

    name = k.until(talks, bool, 300, 0.2)[0]
    k.kubectl("-n", k.PIPELINES, "delete", "pod", name, "--force", "--grace-period=0")


def executor(run: str, pod: str) -> list[str]:
    """Return the names of the pods in which a run's component is, or was, at work."""
    found = k.objects("pod", "-n", k.PIPELINES, "-l", f"pipeline/runid={run}")
    nodes = {one["metadata"]["name"]: one["metadata"]["annotations"]["workflows.argoproj.io/node-name"] for one in found}
    return [name for name, node in nodes.items() if re.search(rf"\.{pod}(\(\d+\))?\.executor(\(\d+\))?$", node)]


def undisturbed(folder: Path, task: Task) -> tuple[Catalog, Registry]:
    """Run the same days here, on files, without a kill."""
    settings = Settings(home=folder / "home", tasks=folder, store="", mlflow="", endpoint_url="")
    with DemoSite(seed=0, today=day(FIRST)) as site:
        own = task.model_copy(update={"sources": (DemoSource(type="demo", base_url=site.url),)})
        (folder / "killed.yaml").write_text(own.model_dump_json())
        for number in range(len(PODS)):
            site.today = day(FIRST + 2 * number)
            run_here(own, settings, lambda *_: None)
    return Catalog.open(Objects.open(settings.store_url)), Registry(settings.mlflow_uri)


def state(catalog: Catalog, registry: Registry, task: str) -> dict[str, object]:
    """Return what a world has learnt: batches, labels, embeddings, and the champion's ledger and exact sums to the bit.

    Its head is left out: it is solved from the sums in floating point, whose last bits depend on the processors.
    """
    labelled = catalog.labelled(task).sort_by("image")
    images = labelled["image"].to_pylist()
    champion = registry.champion(task)
    assert champion is not None
    learnt = {
        name: catalog.objects.get(f"{model_prefix(task, champion.digest)}/{name}")
        for name in ("ledger.json", "state.safetensors")
    }
    return {
        "batches": [(batch.id, batch.images, batch.status) for batch in catalog.batches(task)],
        "labels": list(zip(images, labelled["cls"].to_pylist(), strict=True)),
        "embeddings": catalog.embeddings(champion.backbone, images).tolist(),
        "versions": len(registry.versions(task)),
        **learnt,
    }

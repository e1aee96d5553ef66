"""What it brings on the demo's site to learn regions from exteriors alone, a learnt head deciding where a caption is silent.

Two models learn the back catalogue, one all pictures, one what is left after the others are taken out. Both are asked about
the same exteriors, which neither has learnt: those held out, and those of the next day. What is shown is the drawer's to know.
"""

import re
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.catalog.catalog import Catalog
from perennial.catalog.kinds import Kinds
from perennial.catalog.objects import Objects
from perennial.deployment.releases import build_release
from perennial.learning.model import load_model
from perennial.learning.training import update
from perennial.operations.kinds import leave_out
from perennial.processes import usable_cores
from perennial.serving.record import EndpointRecord, record_key
from perennial.serving.releases import ServedModel
from perennial.sources.demo_site.posts import day, find
from perennial.sources.demo_site.server import DemoSite
from perennial.sources.demo_site.styles import DRIFT_DAY
from perennial.sources.label import label
from perennial.sources.scrape import scrape
from perennial.task import DemoSource, ImagesSpec, Task, load_task, save_task
from tests.benchmarks.rows import Row

ALL, EXTERIORS, KIND = "all", "exteriors", "demo-kind"
_PICTURE = re.compile(r"/media/images/((?:[0-9a-f]{4}/){6})")


@dataclass(frozen=True)
class Found:
    """Shares of exteriors named rightly by both models, of silent pictures whose kind was told rightly, and counts.

    ``kinds`` and ``silent`` are of the back catalogue, and of the day on which all styles change.
    """

    everything: float
    exteriors: float
    kinds: tuple[float, float]
    silent: tuple[int, int]
    asked: int
    left: int
    copies: int
    pictures: int


def measure(seed: int) -> Found:
    """Learn one seed's back catalogue in both ways."""
    with tempfile.TemporaryDirectory() as name, DemoSite(seed=seed, today=day(0)) as site:
        folder, catalog = Path(name), Catalog.open(Objects.open(Path(name, "store").as_uri()))
        tasks = {task: _task(task, site.url) for task in (ALL, EXTERIORS, KIND)}
        save_task(tasks[KIND], folder / f"{KIND}.yaml")
        backbone = Backbone.load(catalog.objects, ensure(tasks[ALL].backbone, catalog.objects), usable_cores())
        _take_in(tasks, catalog, backbone)
        heads = {}
        for task in (KIND, ALL, EXTERIORS):
            if task == EXTERIORS:
                leave_out(tasks[task], catalog, backbone.digest, folder)
            trained = update(tasks[task], catalog, backbone.digest, None)
            assert trained is not None
            heads[task] = load_model(catalog.objects, task, trained.digest).head()
            if task == KIND:
                _serve(catalog, trained.digest, backbone.digest)
        left = catalog.labelled(EXTERIORS).num_rows
        site.today = day(1)
        known = set(catalog.image_ids())
        _take_in(tasks, catalog, backbone)
        rows = catalog.images().to_pylist()
        shown = {row["id"]: _shown(seed, row["url"]) for row in rows}
        judged = Kinds(catalog.objects).of(KIND, list(shown))
        asked = [
            row
            for row in rows
            if not row["copy_of"] and shown[row["id"]][0] == "exterior" and (row["split"] == "hold_out" or row["id"] not in known)
        ]
        vectors = catalog.embeddings(backbone.digest, [row["id"] for row in asked])
        truth = np.array([tasks[ALL].classes.index(shown[row["id"]][1]) for row in asked])
        right = {task: float((heads[task].predict(vectors) == truth).mean()) for task in (ALL, EXTERIORS)}
        told = [one.kind == shown[image][0] for image, one in judged.items()]
        copies = sum(bool(row["copy_of"]) for row in rows)
        site.today = DRIFT_DAY
        _take_in(tasks, catalog, backbone)
        leave_out(tasks[EXTERIORS], catalog, backbone.digest, folder)
        newest = [row for row in catalog.images().to_pylist() if row["published"] == DRIFT_DAY]
        judged = Kinds(catalog.objects).of(KIND, [row["id"] for row in newest])
        drifted = [judged[row["id"]].kind == _shown(seed, row["url"])[0] for row in newest if row["id"] in judged]
        kinds = (float(np.mean(told)), float(np.mean(drifted)))
        return Found(right[ALL], right[EXTERIORS], kinds, (len(told), len(drifted)), len(asked), left, copies, len(rows))


def _task(name: str, url: str) -> Task:
    kinds = ImagesSpec(kinds=("exterior",), judge=KIND) if name == EXTERIORS else ImagesSpec()
    base = load_task(KIND if name == KIND else "demo", Path("/nowhere"))
    change = {"name": name, "sources": (DemoSource(type="demo", base_url=url),), "images": kinds}
    return base.model_copy(update=change)


def _take_in(tasks: dict[str, Task], catalog: Catalog, backbone: Backbone) -> None:
    scrape(tasks[ALL], catalog)
    for task in tasks.values():
        label(task, catalog)
        embed_missing(catalog, backbone, catalog.labelled(task.name)["image"].to_pylist())


def _serve(catalog: Catalog, model: str, backbone: str) -> None:
    release = build_release(catalog, "demo", {KIND: ServedModel(model=model, version=1, backbone=backbone)}, 1)
    record = EndpointRecord.model_validate({"endpoint": "demo", "stable": release})
    catalog.objects.put(record_key("demo"), record.model_dump_json().encode())


def _shown(seed: int, address: str) -> tuple[str, str]:
    """Return the kind and the region that the drawer drew."""
    match = _PICTURE.match(address)
    assert match is not None, address
    name = match[1].replace("/", "")
    post = find(seed, int(name[:8], 16))
    assert post is not None
    return post.kinds[int(name[8:10], 16)], post.region


def run(*, quick: bool) -> list[Row]:
    """Return how much better exteriors are named, and how well the learnt head tells kinds."""
    found = [measure(seed) for seed in range(1 if quick else 3)]
    gains = [one.exteriors - one.everything for one in found]
    pairs = ", ".join(f"{one.everything:.3f} → {one.exteriors:.3f}" for one in found)
    before, after = (", ".join(f"{one.kinds[time]:.3f} of {one.silent[time]}" for one in found) for time in (0, 1))
    copies = ", ".join(f"{one.copies} of {one.pictures}" for one in found)
    note = f"on {', '.join(str(one.asked) for one in found)} exteriors, learnt from {found[0].left} pictures: {pairs}"
    return [
        Row("regions from exteriors alone, gain in accuracy", statistics.mean(gains), "≥ -0.02", "", note),
        Row("kinds told rightly where captions are silent", min(one.kinds[0] for one in found), "≥ 0.95", "", before),
        Row("the same on the day when styles change", min(one.kinds[1] for one in found), "≥ 0.6", "", after),
        Row(
            "drawn pictures taken for copies, though none is",
            max(one.copies / one.pictures for one in found),
            "≤ 0.03",
            "",
            copies,
        ),
    ]

"""Measure engines and precisions with what a task has: its pictures, and the head of the model that serves."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perennial.backbones import bench
from perennial.backbones.engines import Backbone
from perennial.backbones.preprocess import Pixels
from perennial.backbones.quantise import Vectors
from perennial.backbones.synthetic import pictures
from perennial.backbones.tuning import description_of
from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.deployment.champion import served_digest
from perennial.learning.head import Head
from perennial.learning.model import load_model
from perennial.settings import Settings
from perennial.task import BackboneSpec, Task

PICTURES = 64


@dataclass(frozen=True)
class Row:
    """Figures of an engine at a precision; ``same`` is the share of pictures that the serving head answers as in fp32."""

    figures: bench.Figures
    same: float | None


@dataclass(frozen=True)
class Bench:
    """What was measured, on what; ``left_out`` says of each engine and precision that isn't there why."""

    rows: tuple[Row, ...]
    left_out: dict[str, str]
    network: str
    pictures: int
    drawn: bool
    rounds: int
    threads: int
    cpu: tuple[str, ...]

    @property
    def facts(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        rows = [{**asdict(row.figures), "same_answers": row.same} for row in self.rows]
        return {**asdict(self), "rows": rows}


def measure(spec: BackboneSpec, settings: Settings, rounds: int, progress: bench.Progress, task: Task | None = None) -> Bench:
    """Measure a network at every engine and precision that this machine can do.

    Nothing is written to the store: what isn't there yet is exported to a folder that is gone afterwards.

    Raises:
        WeightsMissing: the network's weights aren't on this machine.
        BackboneError: nothing can be measured.
    """
    objects = Objects.open(settings.store_url)
    threads = settings.inference_threads
    with tempfile.TemporaryDirectory() as folder:
        backbones, left_out = bench.candidates(spec, objects, Path(folder), threads, progress)
        shown = _own_pictures(task, objects, backbones[0]) if task else None
        used = pictures(PICTURES, spec.crop, seed=1) if shown is None else shown
        found = bench.measure(spec, backbones, used, rounds, progress)
        head = _serving_head(task, objects, backbones[found.exact]) if task else None
    rows = tuple(
        Row(figures, _same(head, found.vectors[found.exact], vectors) if head else None)
        for figures, vectors in zip(found.figures, found.vectors, strict=True)
    )
    return Bench(rows, left_out, spec.network, len(used), shown is None, found.rounds, threads, bench.cpu())


def _own_pictures(task: Task, objects: Objects, backbone: Backbone) -> Pixels | None:
    """Return pictures of the task, the same each time as long as it has the same images; None where it has none."""
    catalog = Catalog.open(objects)
    ids = sorted(set(catalog.labelled(task.name)["image"].to_pylist()))[:PICTURES]
    return np.stack([backbone.preprocess(catalog.pixels(id)) for id in ids]) if ids else None


def _serving_head(task: Task, objects: Objects, backbone: Backbone) -> Head | None:
    """Return the head that serves, where it takes the vectors of this network with these weights."""
    champion = served_digest(task, objects)
    if champion is None:
        return None
    model = load_model(objects, task.name, champion)
    theirs, own = description_of(objects, model.description.backbone), backbone.description
    same = (theirs.network, theirs.weights, theirs.preprocessing) == (own.network, own.weights, own.preprocessing)
    return model.head() if same and theirs.scale == own.scale else None


def _same(head: Head, one: Vectors, other: Vectors) -> float:
    return float((head.predict(one) == head.predict(other)).mean())

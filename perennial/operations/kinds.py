"""Leave images out that are of another kind than a task asks for, by what their source or a learnt head says.

A source that says the kind is believed. Where it is silent, the champion of the task that ``images.judge`` names decides, over
the embedding that is there already, once for each image. Label events, one batch of them, take the labels away, so that a model
that has learnt such images unlearns them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from perennial.catalog.catalog import Catalog
from perennial.catalog.images import SILENT
from perennial.catalog.kinds import Judged, Kinds
from perennial.catalog.rows import Batch, LabelEvent
from perennial.deployment.champion import served_digest
from perennial.errors import TaskError
from perennial.learning.model import Model, load_model
from perennial.operations.definitions import present
from perennial.sources.label import rule_number
from perennial.task import Task

BLOCK = 8192


@dataclass(frozen=True)
class LeftOut:
    """The batch that takes labels away, how many images were judged for the first time, and how many nobody judges, and why."""

    batch: Batch | None = None
    judged: int = 0
    unjudged: int = 0
    why: str = ""

    @property
    def sentence(self) -> str:
        """What happened, in a few words; empty where nothing did."""
        said = [f"{self.batch.images} images of other kinds left out"] if self.batch else []
        said += [f"{self.unjudged} images of unknown kind stay in, since {self.why}"] if self.unjudged else []
        return ", ".join(said)

    @property
    def facts(self) -> dict[str, Any]:
        """The same for the run's facts, the batch by its id."""
        batch = {"batch": self.batch.id, "images": self.batch.images} if self.batch else {"batch": None, "images": 0}
        return {**batch, "judged": self.judged, "unjudged": self.unjudged}


def leave_out(task: Task, catalog: Catalog, backbone: str, folder: Path) -> LeftOut:
    """Take the labels away of images that aren't of the task's kinds.

    Killed anywhere and called again, it does the same: a judgement is remembered before it has consequences. What people said
    of an image stays. ``backbone`` is a digest, under which all labelled images are embedded; ``folder`` holds the task files.

    Raises:
        TaskError: there is no task of the judge's name, or it doesn't know the kinds.
    """
    if not task.images.kinds:
        return LeftOut()
    labelled = catalog.labelled(task.name)
    silent = labelled.filter(pc.is_in(labelled["kind"], pa.array(SILENT)))
    images = silent["image"].to_pylist()
    table = Kinds(catalog.objects)
    known = table.of(task.images.judge, images)
    missing = [image for image in images if image not in known]
    judge, why = _judge(task, catalog, backbone, folder) if missing else (None, "")
    if judge:
        table.remember(_judge_all(task.images.judge, judge, catalog, missing))
        known = table.of(task.images.judge, images)
    batch = catalog.append_labels(task.name, _taken_away(task, catalog, labelled, known))
    return LeftOut(batch, len(missing) if judge else 0, len(images) - len(known), why)


def _judge(task: Task, catalog: Catalog, backbone: str, folder: Path) -> tuple[Model | None, str]:
    """Return the model that judges; where there is none, why."""
    name = task.images.judge
    if not name:
        return None, "images.judge names no task"
    judge = present(name, catalog.objects, folder)
    strange = sorted(set(task.images.kinds) - set(judge.classes))
    if strange:
        raise TaskError(
            f"The task '{name}' can't say which images of '{task.name}' show {strange[0]}: its classes are "
            f"{', '.join(judge.classes)}. Name another task in images.judge, or other kinds."
        )
    digest = served_digest(judge, catalog.objects)
    if digest is None:
        return None, f"{name} has no champion yet"
    model = load_model(catalog.objects, name, digest)
    return (model, "") if model.description.backbone == backbone else (None, f"{name} has another backbone")


def _judge_all(name: str, model: Model, catalog: Catalog, images: Sequence[str]) -> list[Judged]:
    """Return what a model says of images, by the embeddings that are stored."""
    head = model.head()
    found = []
    for start in range(0, len(images), BLOCK):
        part = images[start : start + BLOCK]
        probabilities = head.probabilities(catalog.embeddings(head.backbone, part))
        best = np.argmax(probabilities, axis=1)
        sure = probabilities[np.arange(len(part)), best].tolist()
        found += [
            Judged(name, image, head.classes[place], probability, model.digest)
            for image, place, probability in zip(part, best.tolist(), sure, strict=True)
        ]
    return found


def _taken_away(task: Task, catalog: Catalog, labelled: pa.Table, known: dict[str, Judged]) -> list[LabelEvent]:
    """Return the events that take the labels of other kinds away, each by who says the kind."""
    wanted = {*task.images.kinds, *SILENT}
    others: list[tuple[dict[str, Any], str]] = []
    for row in labelled.select(("image", "published", "kind")).to_pylist():
        judged = known.get(row["image"])
        if row["kind"] not in wanted:
            others.append((row, "kind"))
        elif judged and judged.kind not in wanted:
            others.append((row, f"{judged.judge} {judged.model[:12]}"))
    people = catalog.said_by_people(task.name, [row["image"] for row, _ in others])
    rule = rule_number(task, catalog)  # a changed rule labels them again, and what the same one says twice counts once
    return [
        LabelEvent(row["image"], task.name, None, "source", f"{who}, rule {rule}", row["published"])
        for row, who in others
        if row["image"] not in people
    ]

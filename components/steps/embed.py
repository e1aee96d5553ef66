"""Turn new images into embeddings, each once."""

from typing import Any

from components.step import Step
from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.backbones.export import ensure
from perennial.operations.kinds import leave_out
from perennial.operations.ways import PREPARING, SHARDS, in_shard


def embed(task: str, run: str) -> dict[str, Any]:
    """Embed labelled images that have no embedding under the run's backbone, after shards all that they left.

    Then those that turn out to be of another kind than the task asks for lose their labels.
    """
    with Step("embed", task, run) as step:
        if facts := step.over():
            return facts
        facts = _embedded(step, step.catalog.labelled(step.task.name)["image"].to_pylist())
        for shard in range(SHARDS):
            before = step.run.find(f"embed-{shard}") or {}
            facts = {**facts, "new": facts["new"] + before.get("new", 0), "clipped": facts["clipped"] + before.get("clipped", 0)}
        out = leave_out(step.task, step.catalog, facts["backbone"], step.settings.tasks)
        return step.done(", ".join(filter(None, (f"{facts['new']} embeddings", out.sentence))), **facts, left_out=out.facts)


def embed_shard(task: str, run: str, shard: int, of: int) -> dict[str, Any]:
    """Embed those of them that belong to one of ``of`` shards."""
    with Step("embed", task, run, part=shard) as step:
        if facts := step.over():
            return facts
        images = [id for id in step.catalog.labelled(step.task.name)["image"].to_pylist() if in_shard(id, shard, of)]
        facts = _embedded(step, images)
        return step.done(f"{facts['new']} embeddings, shard {shard + 1} of {of}", **facts)


def _embedded(step: Step, images: list[str]) -> dict[str, Any]:
    digest = _backbone(step)
    backbone = Backbone.load(step.objects, digest, step.settings.inference_threads)
    embedded = embed_missing(step.catalog, backbone, images, progress=step.progress)
    return {"new": embedded.new, "clipped": embedded.clipped, "backbone": digest}


def _backbone(step: Step) -> str:
    """Return the digest of the backbone that this run made, or chose."""
    made = [facts["backbone"] for facts in map(step.run.find, PREPARING) if facts]
    return made[-1] if made else step.run.read("label")["backbone"] or ensure(step.task.backbone, step.objects)

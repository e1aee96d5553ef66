"""Turn new images into embeddings, each once."""

from components.base import component


@component
def embed(task: str, run: str) -> None:
    """Embed labelled images that have no embedding under the task's backbone."""
    from components.step import Step
    from perennial.backbones.embed import embed_missing
    from perennial.backbones.engines import Backbone
    from perennial.backbones.export import ensure

    with Step("embed", task, run) as step:
        digest = ensure(step.task.backbone, step.objects)
        backbone = Backbone.load(step.objects, digest, step.settings.inference_threads)
        images = step.catalog.labelled(step.task.name)["image"].to_pylist()
        embedded = embed_missing(step.catalog, backbone, images, progress=step.progress)
        step.done(f"{embedded.new} embeddings", new=embedded.new, clipped=embedded.clipped, backbone=digest)

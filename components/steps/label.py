"""Label new images by the task's rule."""

from typing import Any

from components.step import Step
from perennial.operations.routes import route
from perennial.sources.label import label as apply_rule


def label(task: str, run: str) -> dict[str, Any]:
    """Append label events for images that have none; ``route`` of the facts is the way on to a challenger."""
    with Step("label", task, run) as step:
        if facts := step.over():
            return facts
        batch = apply_rule(step.task, step.catalog)
        images = batch.images if batch else 0
        way = route(step.task, step.catalog)
        return step.done(
            f"{images} images labelled",
            images=images,
            batch=batch.id if batch else None,
            route=way.way,
            backbone=way.backbone,
            to_embed=way.images,
        )

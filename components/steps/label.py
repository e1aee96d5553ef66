"""Label new images by the task's rule."""

from dataclasses import asdict
from typing import Any

from components.step import Step
from perennial.operations.feedback import take_in
from perennial.operations.routes import route
from perennial.sources.label import label as apply_rule


def label(task: str, run: str) -> dict[str, Any]:
    """Append label events for images that have none; ``route`` of the facts is the way on to a challenger.

    What the endpoint's servers noted since the last run is taken into the catalog as well.
    """
    with Step("label", task, run) as step:
        if facts := step.over():
            return facts
        noted = take_in(step.objects, step.task.endpoint_name)
        batch = apply_rule(step.task, step.catalog)
        images = batch.images if batch else 0
        way = route(step.task, step.catalog)
        return step.done(
            ", ".join(filter(None, (f"{images} images labelled", noted.sentence))),
            images=images,
            batch=batch.id if batch else None,
            route=way.way,
            backbone=way.backbone,
            to_embed=way.images,
            noted=asdict(noted),
        )

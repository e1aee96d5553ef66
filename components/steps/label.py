"""Label new images by the task's rule."""

from dataclasses import asdict
from typing import Any

from components.step import Step
from perennial.operations.feedback import take_in
from perennial.operations.routes import route
from perennial.sources.label import apply_rule


def label(task: str, run: str) -> dict[str, Any]:
    """Append label events for images that have none, and correct those that a changed rule reads otherwise.

    ``route`` of the facts is the way on to a challenger.

    What the endpoint's servers noted since the last run is taken into the catalog as well.
    """
    with Step("label", task, run) as step:
        if facts := step.over():
            return facts
        noted = take_in(step.objects, step.task.endpoint_name)
        found = apply_rule(step.task, step.catalog)
        way = route(step.task, step.catalog)
        return step.done(
            ", ".join(filter(None, (found.sentence, noted.sentence))),
            images=found.batch.images if found.batch else 0,
            batch=found.batch.id if found.batch else None,
            corrected=found.corrected.id if found.corrected else None,
            unknown=found.unknown,
            silent=found.silent,
            route=way.way,
            backbone=way.backbone,
            to_embed=way.images,
            noted=asdict(noted),
        )

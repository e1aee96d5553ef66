"""Label new images by the task's rule."""

from components.base import component


@component
def label(task: str, run: str) -> None:
    """Append label events for images that have none."""
    from components.step import Step
    from perennial.sources.label import label as apply_rule

    with Step("label", task, run) as step:
        batch = apply_rule(step.task, step.catalog)
        images = batch.images if batch else 0
        step.done(f"{images} images labelled", images=images, batch=batch.id if batch else None)

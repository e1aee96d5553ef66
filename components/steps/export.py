"""Export the task's backbone, once."""

from typing import Any

from components.step import Step
from perennial.backbones.export import ensure


def export(task: str, run: str) -> dict[str, Any]:
    """Export the backbone to the store with torch, unless it is there."""
    with Step("export", task, run) as step:
        digest = ensure(step.task.backbone, step.objects)
        return step.done(f"backbone {digest[:12]}", backbone=digest)

"""The pod that brings a backbone into the store: export, with torch, and embed."""

from components.base import component


@component
def export(task: str, run: str) -> None:
    """Export the task's backbone, then embed under it."""
    from components.steps.embed import embed
    from components.steps.export import export as export_backbone

    export_backbone(task, run)
    embed(task, run)

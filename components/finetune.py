"""The pod that trains a backbone further, with torch, and embeds anew."""

from components.base import component


@component
def finetune(task: str, run: str) -> None:
    """Fine-tune the backbone on all that is labelled, old and new, then embed that under it."""
    from components.steps.embed import embed
    from components.steps.finetune import finetune as finetune_backbone

    finetune_backbone(task, run)
    embed(task, run)

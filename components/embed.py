"""A pod that embeds one shard of many new images."""

from components.base import component


@component
def embed(task: str, run: str, shard: int, of: int) -> None:
    """Embed the images whose id falls in this shard."""
    from components.steps.embed import embed_shard

    embed_shard(task, run, shard, of)

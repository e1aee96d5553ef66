"""Bring the champion up to date with what it hasn't learnt."""

from components.base import component


@component
def train(task: str, run: str) -> str:
    """Return the challenger's digest, or nothing where there is nothing to learn."""
    from components.step import Step
    from perennial.learning.training import update

    with Step("train", task, run) as step:
        champion = step.registry.champion(step.task.name)
        backbone = step.run.read("embed")["backbone"]
        before = champion.digest if champion else None
        trained = update(step.task, step.catalog, backbone, before, progress=step.progress)
        if trained is None:
            step.done("nothing to learn", champion=before)
            return ""
        step.done(
            f"{trained.images_new} images learnt",
            challenger=trained.digest,
            champion=before,
            champion_version=champion.number if champion else None,
            batches=list(trained.batches_new),
            images=trained.images_new,
        )
    return trained.digest

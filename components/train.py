"""Bring the champion up to date with what it hasn't learnt."""

from components.base import component


@component
def train(task: str, run: str) -> str:
    """Return the challenger's digest, or nothing where there is nothing to learn."""
    from components.step import Step
    from perennial.deployment.champion import champion_digest
    from perennial.learning.training import update

    with Step("train", task, run) as step:
        undisturbed = not step.run.read("scrape")["unfinished"]
        champion = champion_digest(step.task, step.objects, lambda: step.registry, undisturbed=undisturbed)
        backbone = step.run.read("embed")["backbone"]
        trained = update(step.task, step.catalog, backbone, champion, progress=step.progress)
        if trained is None:
            step.done("nothing to learn", champion=champion)
            return ""
        step.done(
            f"{trained.images_new} images learnt",
            challenger=trained.digest,
            champion=champion,
            batches=list(trained.batches_new),
            images=trained.images_new,
        )
    return trained.digest

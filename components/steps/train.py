"""Bring the champion up to date with what it hasn't learnt."""

from typing import Any

from components.step import Step
from perennial.deployment.champion import champion_digest
from perennial.learning.training import update


def train(task: str, run: str) -> dict[str, Any]:
    """Make a challenger; ``challenger`` of the facts is its digest, or None where there is nothing to learn."""
    with Step("train", task, run) as step:
        if facts := step.over():
            return facts
        undisturbed = not step.run.read("scrape")["unfinished"]
        champion = champion_digest(step.task, step.objects, lambda: step.registry, undisturbed=undisturbed)
        backbone = step.run.read("embed")["backbone"]
        trained = update(step.task, step.catalog, backbone, champion, progress=step.progress)
        if trained is None:
            return step.done("nothing to learn", challenger=None, champion=champion)
        people = f", {trained.corrections} of them corrections by people" if trained.corrections else ""
        return step.done(
            f"{trained.images_new} images learnt{people}",
            challenger=trained.digest,
            champion=champion,
            batches=list(trained.batches_new),
            images=trained.images_new,
            corrections=trained.corrections,
        )

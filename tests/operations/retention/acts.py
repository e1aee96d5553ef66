"""What tests of retention do: tidy a world as if time had passed, and count what goes."""

from datetime import UTC, datetime, timedelta

from perennial.backbones.embed import embed_missing
from perennial.backbones.engines import Backbone
from perennial.deployment.deploy import deploy, rollback
from perennial.learning.training import update
from perennial.operations.retention import Kind, tidy
from perennial.serving.releases import load_release
from tests.deployment.acts import champion_of
from tests.small_world import World, add_batch

YEAR = 365.0


def tidied(world: World, days: float = YEAR, *, dry_run: bool = False, **settings: object) -> dict[str, Kind]:
    """Tidy as it would be done so many days from now, and return what went by its kind."""
    changed = world.settings.model_copy(update=settings)
    return {kind.name: kind for kind in tidy(changed, dry_run=dry_run, at=datetime.now(UTC) + timedelta(days=days))}


def counts(kinds: dict[str, Kind]) -> dict[str, int]:
    """Return how many of each kind went, of those of which any did; versions of tables aside, which age by themselves."""
    return {name: kind.count for name, kind in kinds.items() if kind.count and name != "old versions of tables"}


def back_to(world: World, version: int) -> str:
    """Go back to a version, and return how that ended."""
    return rollback(world.task, world.catalog, world.registry, world.settings, version, "a test").outcome


def answers(world: World, release: str | None) -> list[list[float]]:
    """Return what a release answers to all images, from the store alone."""
    loaded = load_release(world.objects, "colours", str(release), {}, 1)
    head = loaded.heads["colours"]
    ids = world.catalog.image_ids()
    found: list[list[float]] = head.probabilities(world.catalog.embeddings(head.backbone, ids)).tolist()
    return found


def learn(world: World, batch: int) -> str:
    """Learn a new batch and deploy what came of it, as a run does; return the model's digest."""
    champion = champion_of(world)
    backbone = next(version.backbone for version in world.registry.versions("colours"))
    ids = add_batch(world.catalog, "colours", batch)
    embed_missing(world.catalog, Backbone.load(world.objects, backbone, 1), ids)
    trained = update(world.task, world.catalog, backbone, champion)
    assert trained is not None
    assert not trained.from_scratch
    done = deploy(world.task, world.catalog, world.registry, world.settings, trained.digest, champion, run_id="next")
    assert done.outcome == "promoted"
    return trained.digest

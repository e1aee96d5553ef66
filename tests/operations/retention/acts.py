"""What tests of retention do: tidy a world as if time had passed, and count what goes."""

from datetime import UTC, datetime, timedelta

from perennial.operations.retention import Kind, tidy
from tests.small_world import World

YEAR = 365.0


def tidied(world: World, days: float = YEAR, *, dry_run: bool = False, **settings: object) -> dict[str, Kind]:
    """Tidy as it would be done so many days from now, and return what went by its kind."""
    changed = world.settings.model_copy(update=settings)
    return {kind.name: kind for kind in tidy(changed, dry_run=dry_run, at=datetime.now(UTC) + timedelta(days=days))}


def counts(kinds: dict[str, Kind]) -> dict[str, int]:
    """Return how many of each kind went, of those of which any did; versions of tables aside, which age by themselves."""
    return {name: kind.count for name, kind in kinds.items() if kind.count and name != "old versions of tables"}

"""The inbox as a task's source: what lies there when a run scrapes is taken in, whether or not a listener runs."""

from collections.abc import Callable

from perennial.catalog.catalog import Catalog
from perennial.catalog.inbox import FOLDER
from perennial.sources.inbox.taking import Taker
from perennial.sources.inbox.took import Took
from perennial.task import InboxSource


def take_in(spec: InboxSource, catalog: Catalog, progress: Callable[[int, int], None]) -> Took:
    """Take in what lies below the source's prefix; ``progress`` gets how many pictures were taken in so far, twice.

    Raises:
        StoreError: the store is away, full or refuses; what wasn't taken in stays.
    """
    so_far = 0

    def between(took: Took) -> bool:
        nonlocal so_far
        so_far += took.taken
        progress(so_far, so_far)
        return True

    return Taker(catalog, grace_s=0).take_all(spec.prefix, between=between)


def posts_below(spec: InboxSource) -> str:
    """Return how the posts begin that belong to a source."""
    return f"{FOLDER}/{spec.prefix}/" if spec.prefix else f"{FOLDER}/"

"""One writer at a time for each table: by a file lock in a folder, by a lease on S3."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from perennial.catalog.leases import lease
from perennial.catalog.objects import Objects

TTL_S = 20
WAIT_S = 600


@contextmanager
def exclusive(objects: Objects, name: str) -> Iterator[Callable[[], None]]:
    """Be the only one in the block of this name; a killed process leaves it, on S3 after at most 20 seconds.

    Yields:
        a function that raises LeaseLost if that is no longer so; call it just before writing.

    Raises:
        LeaseHeld: others were in it for ten minutes.
    """
    if objects.is_local:
        with objects.locked(name):
            yield lambda: None
    else:
        with lease(objects, name.replace("/", "-"), TTL_S, WAIT_S) as held:
            yield held.check

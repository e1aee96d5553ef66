"""Switch the source on, where its operator may and says so."""

from perennial.catalog.objects import Objects
from perennial.errors import SourceOff
from perennial.settings import Settings
from perennial.sources.archdaily.source import ArchDailySource
from perennial.sources.web import Fetcher, Manners, contact_or_stop, place_of
from perennial.task import ArchDailySource as Spec


def open_archdaily(spec: Spec, objects: Objects, settings: Settings) -> ArchDailySource:
    """Return the source; what it has to remember of hosts lies in ``objects``.

    Raises:
        SourceError: nobody stated permission, or who runs this.
    """
    if not spec.permission.strip():
        raise SourceOff(
            f"The source {spec.base_url} is off: its terms forbid scraping without written permission. "
            "Once you have it, write who gave it and when as the source's 'permission' in the task file."
        )
    contact = contact_or_stop(settings.contact, spec.base_url)
    manners = Manners(contact, spec.delay_s, spec.daily_requests)
    fetch = Fetcher(objects, manners, allowed=[place_of(spec.base_url), *spec.allow_hosts])
    return ArchDailySource(
        spec.base_url,
        fetch,
        images_per_post=spec.images_per_post,
        overlap_days=spec.overlap_days,
        backfill=spec.backfill,
    )

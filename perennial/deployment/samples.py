"""Recent images of a task, which two releases are both asked about while the newer one is watched."""

from perennial.catalog.catalog import Catalog

IMAGES = 24


def recent_images(catalog: Catalog, task: str) -> list[bytes]:
    """Return up to 24 images, as JPEG, of the task's latest batches; ids are digests, so their order is as good as random."""
    found: list[str] = []
    for batch in reversed(catalog.batches(task)):
        found += sorted(catalog.labelled(task, [batch.id])["image"].to_pylist())
        if len(found) >= IMAGES:
            break
    return [catalog.pixels(image) for image in found[:IMAGES]]

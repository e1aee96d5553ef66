import datetime

from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.rows import LabelEvent
from perennial.deployment.samples import IMAGES, recent_images
from tests.small_world import World


def test_recent_images_are_those_of_the_latest_batch_of_a_source(fresh: World) -> None:
    catalog = fresh.catalog
    oldest, *_, newest = catalog.batches("colours")
    images = sorted(catalog.labelled("colours", [newest.id])["image"].to_pylist())[:IMAGES]
    assert [digest_of_bytes(jpeg) for jpeg in recent_images(catalog, "colours")] == images

    today = datetime.date(2026, 12, 1)
    others = catalog.labelled("colours", [oldest.id])["image"].to_pylist()
    catalog.append_labels("colours", [LabelEvent(image, "colours", "green", "feedback", "ana", today) for image in others])
    assert catalog.batches("colours")[-1].origin == "feedback"
    assert [digest_of_bytes(jpeg) for jpeg in recent_images(catalog, "colours")] == images

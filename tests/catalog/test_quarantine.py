from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.quarantine import KEPT_BYTES, Quarantined, quarantine, quarantined


def test_what_was_refused_is_kept_with_its_reason(objects: Objects) -> None:
    quarantine(objects, "demo", "http://demo/1.png", b"not a picture", "it is no JPEG, PNG or WebP")
    quarantine(objects, "demo", "http://demo/1.png", b"not a picture", "it is no JPEG, PNG or WebP")
    quarantine(objects, "folder", "gone.jpg", None, "it can't be read")
    digest = digest_of_bytes(b"not a picture")
    assert quarantined(objects) == [
        Quarantined("demo", "http://demo/1.png", "it is no JPEG, PNG or WebP", digest, 13),
        Quarantined("folder", "gone.jpg", "it can't be read", digest_of_bytes(b"gone.jpg"), 0),
    ]
    assert objects.get(f"quarantine/demo/{digest}.bin") == b"not a picture"


def test_only_the_first_mebibyte_is_kept(objects: Objects) -> None:
    data = bytes(KEPT_BYTES + 1)
    quarantine(objects, "demo", "huge", data, "it is too large")
    assert len(objects.get(f"quarantine/demo/{digest_of_bytes(data)}.bin")) == KEPT_BYTES
    assert quarantined(objects)[0].size == KEPT_BYTES + 1

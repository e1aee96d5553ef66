from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.quarantine import KEPT_BYTES, Quarantined, counts, drop, quarantine, quarantined


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


def test_what_is_dropped_is_gone_and_the_rest_stays(objects: Objects) -> None:
    quarantine(objects, "demo", "one", b"1", "odd")
    quarantine(objects, "demo", "two", b"2", "odd")
    quarantine(objects, "folder-1", "gone.jpg", None, "it can't be read")
    assert counts(objects) == {"demo": 2, "folder-1": 1}
    (gone,) = quarantined(objects, "folder-1")
    one = next(record for record in quarantined(objects, "demo") if record.name == "one")
    for record in (one, gone, one):
        drop(objects, record)
    assert [record.name for record in quarantined(objects)] == ["two"]
    assert len(list(objects.keys("quarantine"))) == 2

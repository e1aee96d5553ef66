"""What servers noted becomes rows once, however often and however interrupted it is folded."""

import time
from pathlib import Path

import pytest

from perennial.catalog import feedback, predictions
from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.feedback import Decision
from perennial.catalog.folding import endpoints, fold, picture_key
from perennial.catalog.objects import Objects
from perennial.catalog.predictions import moment
from perennial.catalog.quarantine import quarantined
from perennial.catalog.segments import Segment, encode, key_of_ids, line
from perennial.errors import ImageRejected
from tests.catalog.drawn import start_python

PICTURE = b"a picture, as it came"
SHA = digest_of_bytes(PICTURE)

FOLD = """
import sys
from perennial.catalog.folding import fold
from perennial.catalog.objects import Objects
fold(Objects.open(sys.argv[1]), "regions", lambda data: data)
"""


def form(data: bytes) -> bytes:
    """Stand for the catalog's form: any bytes but these."""
    if data == b"no picture":
        raise ImageRejected("That is no picture.")
    return b"normal: " + data


def answered(number: int, picture: str | None = None) -> dict[str, object]:
    """Return a record as a server notes it."""
    return {
        "kind": "prediction", "prediction_id": f"regions.{number}", "at": 1_700_000_000.5, "endpoint": "regions",
        "task": "regions", "release": "r", "model_version": 3, "backbone": "b", "cls": "Asia", "probability": 0.75,
        "top": [["Asia", 0.75], ["Africa", 0.25]], "unfamiliar": False, "image": SHA, "request_id": "q", "seconds": 0.01,
    } | ({"picture": picture} if picture else {})  # fmt: skip


def said(number: int, cls: str = "Africa") -> dict[str, object]:
    record = {"feedback": digest_of_bytes(f"{number}".encode()), "at": 1_700_000_100.0, "endpoint": "regions", "task": "regions"}
    return {"kind": "feedback", "who": "ana", "cls": cls, "prediction_id": f"regions.{number}", **record}


def write(objects: Objects, number: int, records: list[dict[str, object]], **head: object) -> Segment:
    segment = Segment("regions", "w", number, 0, **head)  # type: ignore[arg-type]
    objects.put(segment.key, encode(segment, [line(record) for record in records]))
    return segment


def left(objects: Objects) -> list[str]:
    return [key for key in objects.keys("segments") if key != key_of_ids("regions")]


def test_records_become_rows_and_the_segments_go(catalog: Catalog) -> None:
    objects = catalog.objects
    segment = write(objects, 0, [answered(0, SHA), said(0), answered(1)], lost=2)
    objects.put(segment.picture(SHA), PICTURE)
    assert endpoints(objects) == ["regions"]
    folded = fold(objects, "regions", form)
    assert (folded.predictions, folded.feedback, folded.lost, folded.set_aside) == (2, 1, 2, 0)
    assert left(objects) == []
    rows = catalog.sql("select prediction_id, cls, picture, top from predictions order by 1").to_pylist()
    kept = digest_of_bytes(form(PICTURE))
    assert [(row["prediction_id"], row["picture"]) for row in rows] == [("regions.0", kept), ("regions.1", None)]
    assert rows[0]["top"] == '[["Asia",0.75],["Africa",0.25]]'
    assert objects.get(picture_key(kept)) == form(PICTURE)
    assert catalog.sql("select who, cls, state from feedback").to_pylist() == [
        {"who": "ana", "cls": "Africa", "state": "pending"}
    ]


def test_a_fold_that_was_killed_before_it_deleted_makes_no_doubles(catalog: Catalog) -> None:
    objects = catalog.objects
    write(objects, 0, [answered(0), said(0)])
    fold(objects, "regions", form)
    write(objects, 0, [answered(0), said(0), answered(0)])
    write(objects, 1, [answered(0), answered(5), said(0)])
    assert fold(objects, "regions", form).predictions == 1
    assert catalog.sql("select count(*) as n from predictions")["n"].to_pylist() == [2]
    assert catalog.sql("select count(*) as n from feedback")["n"].to_pylist() == [1]


def test_folds_killed_anywhere_and_at_once_come_to_the_same(tmp_path: Path) -> None:
    url = (tmp_path / "store").as_uri()
    objects = Objects.open(url)
    for number in range(250):
        segment = write(objects, number, [answered(2 * number, SHA), answered(2 * number + 1), said(number)])
        objects.put(segment.picture(SHA), PICTURE)
    for _ in range(3):
        before = len(left(objects))
        folds = [start_python(FOLD, url) for _ in range(2)]
        while len(left(objects)) == before > 0 and any(one.poll() is None for one in folds):
            time.sleep(0.01)
        for one in folds:
            one.kill()
            one.wait()
    fold(objects, "regions", lambda data: data)
    catalog = Catalog.open(objects)
    assert catalog.sql("select count(*) as n, count(distinct prediction_id) as d from predictions").to_pylist() == [
        {"n": 500, "d": 500}
    ]
    assert catalog.sql("select count(*) as n from feedback")["n"].to_pylist() == [250]
    assert catalog.sql("select count(*) as n from predictions where picture is not null")["n"].to_pylist() == [250]
    assert left(objects) == []


def test_a_damaged_or_foreign_segment_is_set_aside_and_the_others_are_folded(catalog: Catalog) -> None:
    objects = catalog.objects
    whole = encode(Segment("regions", "w", 0, 0), [line(answered(0))])
    objects.put("segments/regions/w/00000000.jsonl", whole[:-10])
    objects.put("segments/regions/w/00000001.jsonl", b"\x00 surely no segment")
    write(objects, 2, [answered(2) | {"picture": "../../../key"}, answered(20) | {"request_id": "x" * 5000}])
    write(objects, 3, [answered(3)])
    objects.put("segments/regions/w/00000004.jsonl", b'{"format": 99}\n')
    folded = fold(objects, "regions", form)
    assert (folded.predictions, folded.set_aside, folded.newer) == (2, 3, 1)
    assert left(objects) == ["segments/regions/w/00000004.jsonl"]
    reasons = " ".join(one.reason for one in quarantined(objects))
    for reason in ("is cut off or was changed", "is no segment", "is none that servers write"):
        assert reason in reasons


def test_what_is_no_picture_is_set_aside_and_its_answer_kept(catalog: Catalog) -> None:
    objects = catalog.objects
    segment = write(objects, 0, [answered(0, digest_of_bytes(b"no picture")), answered(1, SHA), answered(2, "ab" * 32)])
    objects.put(segment.picture(digest_of_bytes(b"no picture")), b"no picture")
    objects.put(segment.picture(SHA), b"changed since")
    folded = fold(objects, "regions", form)
    assert (folded.predictions, folded.set_aside) == (3, 2)
    assert catalog.sql("select count(*) as n from predictions where picture is null")["n"].to_pylist() == [3]


def test_the_pictures_of_a_writer_that_ended_go_with_its_last_segment(catalog: Catalog) -> None:
    objects = catalog.objects
    segment = write(objects, 4, [], last=True, lost=3)
    objects.put(segment.picture(SHA), PICTURE)  # killed between a picture and the segment that would have named it
    assert fold(objects, "regions", form).lost == 3
    assert left(objects) == []


def test_the_first_decision_stands(catalog: Catalog) -> None:
    write(catalog.objects, 0, [said(0), said(1)])
    fold(catalog.objects, "regions", form)
    (first, second) = (row["feedback"] for row in feedback.rows(catalog.objects, "regions"))
    assert feedback.decide(catalog.objects, [Decision(first, "approved", "ben", moment(1.8e9), image="i")]) == 1
    assert feedback.decide(catalog.objects, [Decision(first, "rejected", "eva", moment(1.9e9), "no")]) == 0
    states = {row["feedback"]: row["state"] for row in feedback.rows(catalog.objects)}
    assert states == {first: "approved", second: "pending"}
    assert feedback.rows(catalog.objects, "another") == []


def test_an_empty_catalog_has_the_views(catalog: Catalog) -> None:
    assert catalog.sql("select count(*) as n from predictions")["n"].to_pylist() == [0]
    assert catalog.sql("select count(*) as n from feedback where state = 'pending'")["n"].to_pylist() == [0]
    assert predictions.find(catalog.objects, ["regions.0"]) == {}


@pytest.mark.parametrize("kind", ["prediction", "feedback"])
def test_a_record_of_an_unknown_kind_is_passed_over(catalog: Catalog, kind: str) -> None:
    """A newer server may note more kinds without changing the format."""
    write(catalog.objects, 0, [{"kind": "weather"}, answered(0) if kind == "prediction" else said(0)])
    folded = fold(catalog.objects, "regions", form)
    assert (folded.predictions + folded.feedback, folded.set_aside) == (1, 0)

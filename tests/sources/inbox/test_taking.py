"""What becomes of what is dropped: in a folder, and in a bucket with the rights that the service has there."""

import datetime
import json

import pytest

from perennial.catalog.inbox import Content, Inbox
from perennial.catalog.quarantine import quarantined
from perennial.errors import StoreError
from perennial.sources.images import MAX_BYTES
from perennial.sources.inbox.taking import Taker
from perennial.sources.inbox.took import Took
from perennial.sources.label import label, waiting
from perennial.sources.scrape import Scraped, scrape
from perennial.task import InboxSource, Task
from tests.sources.inbox.conftest import Store
from tests.sources.inbox.drops import IntoBucket, IntoFolder, picture, sidecar

ODD = ["a b+c.png", "100%41.png", "ü?&#.png", "it's; -- 'x'.png", "[x]~{y}.png", "日本/東京.png", "q\u0301.png", "no-extension"]


def taker(store: Store) -> Taker:
    return Taker(store.catalog, grace_s=0, late_s=0)


def test_metadata_comes_from_the_folder_the_tags_and_the_sidecar(store: Store) -> None:
    store.inbox.drop("walls/asia/a.png", picture(1))
    store.inbox.drop("b.png", picture(2))
    said = sidecar(
        place="Porto, Portugal",
        title="A\u0000 house\n",
        kind="exterior",
        published="2024-05-03T10:00:00Z",
        licence="CC BY 4.0",
        credit="Ana",
        floors=3,
        tags=["a", True],
        nothing=None,
    )
    store.inbox.drop("b.png.json", said)
    assert taker(store).take_all() == Took(taken=2, new=2)
    first, second = store.rows["walls/asia/a.png"], store.rows["b.png"]
    assert (first["title"], first["kind"], first["source"], json.loads(str(first["metadata"]))) == (
        "a",
        "photo",
        "inbox",
        {"folder": "asia"},
    )
    assert (second["title"], second["place"], second["kind"], second["published"], second["licence"], second["credit"]) == (
        "A house",
        "Porto, Portugal",
        "exterior",
        datetime.date(2024, 5, 3),
        "CC BY 4.0",
        "Ana",
    )
    assert json.loads(str(second["metadata"])).items() >= {"floors": "3", "tags": "a, true"}.items()
    assert store.inbox.keys() == []


def test_tags_are_metadata(bucket: Store) -> None:
    bucket.inbox.drop("x/a.png", picture(1), {"place": "Portugal", "style": "brutalism"})
    bucket.inbox.drop("x/a.png.json", sidecar(style="art deco"))
    assert taker(bucket).take_all().new == 1
    row = bucket.rows["x/a.png"]
    assert json.loads(str(row["metadata"])) == {"folder": "x", "place": "Portugal", "style": "art deco"}
    assert row["place"] == "Portugal"


@pytest.mark.parametrize("order", ["first", "together", "last"])
def test_a_sidecar_may_come_first_or_last(store: Store, order: str) -> None:
    store.inbox.drop("x/other.png", picture(2))
    if order != "last":
        store.inbox.drop("x/a.png.json", sidecar(place="Oslo, Norway"))
    if order == "first":
        Taker(store.catalog, grace_s=0, late_s=3600).take_all()
    store.inbox.drop("x/a.png", picture(1))
    taker(store).take_all()
    if order == "last":
        store.inbox.drop("x/a.png.json", sidecar(place="Oslo, Norway"))
        assert taker(store).take_all() == Took(amended=1)
    assert store.rows["x/a.png"]["place"] == "Oslo, Norway"
    assert json.loads(str(store.rows["x/a.png"]["metadata"])) == {"folder": "x", "place": "Oslo, Norway"}
    assert store.rows["x/other.png"]["place"] == ""
    assert (store.inbox.keys(), quarantined(store.objects)) == ([], [])


def test_the_same_picture_again_with_more_said_of_it_amends_its_row(folder: Store) -> None:
    folder.inbox.drop("x/a.png", picture(1))
    taker(folder).take_all()
    folder.inbox.drop("x/a.png", picture(1))
    assert taker(folder).take_all() == Took(taken=1)
    folder.inbox.drop("x/a.png", picture(1))
    folder.inbox.drop("x/a.png.json", sidecar(place="Oslo, Norway"))
    assert taker(folder).take_all() == Took(taken=1, amended=1)
    assert folder.rows["x/a.png"]["place"] == "Oslo, Norway"
    folder.inbox.drop("y/b.png", picture(1))
    assert taker(folder).take_all() == Took(taken=1)
    assert list(folder.rows) == ["x/a.png"]


def test_bad_ones_are_moved_whole_with_a_reason_beside_them(store: Store) -> None:
    huge = b"\x89PNG" + bytes(MAX_BYTES)
    bad = {
        "x/empty.png": b"",
        "x/text.png": b"hello",
        "x/cut.png": picture(3)[:80],
        "x/huge.png": huge,
        "x/a.png.json": b"{",
        "alone.png.json": b"{}",
    }
    tagged = {"x/huge.png": {"place": "Portugal"}} if isinstance(store.inbox, IntoBucket) else {}
    for key, data in bad.items():
        store.inbox.drop(key, data, tagged.get(key))
    store.inbox.drop("x/text.png.json", sidecar(place="Oslo, Norway"))
    store.inbox.drop("x/a.png", picture(1))
    assert taker(store).take_all() == Took(taken=1, new=1, refused=6)
    objects = store.objects
    records = {record.name: record for record in quarantined(objects)}
    assert records.keys() == bad.keys()
    for name, words in {
        "x/empty.png": "is empty",
        "x/text.png": "not a JPEG, PNG or WebP",
        "x/cut.png": "damaged or cut off",
        "x/huge.png": "20,971,524 bytes",
        "x/a.png.json": "isn't JSON",
        "alone.png.json": "No picture inbox/alone.png came",
    }.items():
        assert words in records[name].reason
        assert objects.get(f"quarantine/inbox/{records[name].digest}.bin") == bad[name]
        assert records[name].size == len(bad[name])
    about = objects.get_json(f"quarantine/inbox/{records['x/text.png'].digest}.metadata")
    assert about == {"folder": "x", "place": "Oslo, Norway"}
    assert store.inbox.keys() == []


def test_a_picture_of_which_nothing_is_said_waits_for_its_sidecar(folder: Store, bucket: Store) -> None:
    just_now = IntoFolder(folder.variables["PERENNIAL_STORE"], age_s=0.6)
    for store, inbox in ((folder, just_now), (bucket, bucket.inbox)):
        inbox.drop("a.png", picture(1))
        inbox.drop("alone.png.json", b"{}")
        inbox.drop("x/b.png", picture(2))
        assert Taker(store.catalog, grace_s=60, late_s=60).take_all() == Took(taken=1, new=1, left=1)
        assert inbox.keys() == ["a.png", "alone.png.json"]


def test_keys_with_odd_characters(store: Store) -> None:
    for number, key in enumerate(ODD):
        store.inbox.drop(key, picture(number))
        store.inbox.drop(f"{key}.json", sidecar(n=number))
    assert taker(store).take_all() == Took(taken=len(ODD), new=len(ODD))
    numbers = {key: json.loads(str(row["metadata"]))["n"] for key, row in store.rows.items()}
    assert numbers == {key: str(number) for number, key in enumerate(ODD)}
    assert store.inbox.keys() == []


def test_folders_and_hidden_objects_are_let_be(bucket: Store) -> None:
    for key in ("walls/", "walls/.DS_Store", ".hidden/a.png"):
        bucket.inbox.drop(key, b"")
    assert taker(bucket).take_all() == Took()
    assert len(bucket.inbox.keys()) >= 2


def test_a_name_that_is_no_text_and_a_link(folder: Store) -> None:
    assert isinstance(folder.inbox, IntoFolder)
    folder.inbox.drop(b"\xff\n.png".decode(errors="surrogateescape"), picture(1))
    (folder.inbox.root / "link.png").symlink_to("/etc/hostname")
    assert taker(folder).take_all().new == 1
    (key,) = folder.rows
    assert key.partition("~")[0] == ".png"
    assert folder.inbox.keys() == ["link.png"]


def test_a_file_that_is_still_being_written_is_left(folder: Store) -> None:
    inbox = IntoFolder(folder.variables["PERENNIAL_STORE"], age_s=0)
    inbox.drop("x/new.png", picture(1))
    inbox.age_s = 2
    inbox.drop("x/half.png", picture(2)[:100])
    assert taker(folder).take_all() == Took(left=1)
    inbox.drop("x/half.png", picture(2))
    assert taker(folder).take_all() == Took(taken=1, new=1)
    assert inbox.keys() == ["x/new.png"]


def test_a_picture_that_was_set_aside_is_labelled_once_its_sidecar_came(store: Store) -> None:
    store.inbox.drop("x/a.png", picture(1))
    store.inbox.drop("x/b.png", picture(2))
    taker(store).take_all()
    whole = store.whole
    source = InboxSource(type="inbox")
    rule = {"rule": "field", "field": "style", "map": {"art deco": "deco", "gothic": "gothic"}}
    styles = Task(name="styles", classes=("deco", "gothic"), label=rule, sources=(source,))  # type: ignore[arg-type]
    assert label(styles, whole) is None
    assert not waiting(styles, whole)
    store.inbox.drop("x/a.png.json", sidecar(style="gothic"))
    assert taker(store).take_all() == Took(amended=1)
    assert waiting(styles, whole)
    batch = label(styles, whole)
    assert batch
    assert [row["cls"] for row in whole.labelled("styles").to_pylist()] == ["gothic"]
    assert not waiting(styles, whole)


class Meddling:
    """An inbox in which something happens just before an object is removed."""

    def __init__(self, inbox: Inbox, meddle: object) -> None:
        self._inbox, self._meddle = inbox, meddle

    def __getattr__(self, name: str) -> object:
        return getattr(self._inbox, name)

    def remove(self, content: Content) -> None:
        self._meddle()  # type: ignore[operator]
        self._inbox.remove(content)


def test_what_is_written_over_an_object_while_it_is_taken_is_taken_as_well(store: Store) -> None:
    store.inbox.drop("x/a.png", picture(1))
    here = taker(store)
    here.inbox = Meddling(here.inbox, lambda: store.inbox.drop("x/a.png", picture(2)))  # type: ignore[assignment]
    assert here.take_all() == Took(taken=1, new=1)
    assert store.inbox.keys() == ["x/a.png"]
    assert taker(store).take_all() == Took(taken=1, new=1)
    assert store.inbox.keys() == []
    assert store.catalog.images().num_rows == 2


def test_what_was_replaced_before_it_was_taken_does_not_come_back(bucket: Store) -> None:
    assert isinstance(bucket.inbox, IntoBucket)
    bucket.inbox.drop("x/a.pn", picture(5))
    for number in range(3):
        bucket.inbox.drop("x/a.png", picture(number))
    assert taker(bucket).take_all() == Took(taken=2, new=2)
    assert bucket.inbox.versions() == 0
    assert taker(bucket).take_all() == Took()


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize(("kind", "after"), [*(("folder", after) for after in range(6)), ("bucket", 1), ("bucket", 4)])
def test_killed_between_any_two_removals_nothing_is_lost_or_twice(kind: str, after: int, request: pytest.FixtureRequest) -> None:
    store: Store = request.getfixturevalue(kind)
    names = ["x/a.png", "x/b.png", "c.png"]
    for number, name in enumerate(names):
        store.inbox.drop(f"{name}.json", sidecar(place=f"Oslo {number}"))
        store.inbox.drop(name, picture(number))
    store.inbox.drop("x/bad.png", b"bad")
    left = iter(range(after))

    def meddle() -> None:
        if next(left, None) is None:
            raise Killed

    here = taker(store)
    here.inbox = Meddling(here.inbox, meddle)  # type: ignore[assignment]
    with pytest.raises(Killed):
        here.take_all()
    taker(store).take_all()
    assert {name: row["place"] for name, row in store.rows.items()} == {name: f"Oslo {n}" for n, name in enumerate(names)}
    assert [record.name for record in quarantined(store.objects)] == ["x/bad.png"]
    assert store.inbox.keys() == []


def test_one_object_that_cannot_be_read_does_not_hold_up_the_others(bucket: Store) -> None:
    assert isinstance(bucket.inbox, IntoBucket)
    for number, key in enumerate(["x/a.png", "x/b.png", "x/c.png"]):
        bucket.inbox.drop(key, picture(number))
    bucket.inbox.forbid("x/a.png", ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"])
    bucket.inbox.forbid("x/b.png", ["s3:GetObject"])
    took = taker(bucket).take_all()
    assert (took.taken, took.left) == (1, 2)
    assert "can't have its tags read (AccessDenied" in took.trouble
    assert bucket.inbox.keys() == ["x/a.png", "x/b.png"]


def test_what_cannot_be_removed_is_told_and_no_second_row(bucket: Store) -> None:
    assert isinstance(bucket.inbox, IntoBucket)
    bucket.inbox.drop("x/a.png", picture(1))
    bucket.inbox.forbid("x/a.png", ["s3:DeleteObject", "s3:DeleteObjectVersion"])
    for new in (1, 0):
        took = taker(bucket).take_all()
        assert (took.taken, took.new) == (1, new)
        assert "inbox/x/a.png can't be removed (AccessDenied" in took.trouble
    assert list(bucket.rows) == ["x/a.png"]


def test_keys_that_are_refused_are_told(bucket: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.inbox.drop("x/a.png", picture(1))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-password")
    with pytest.raises(StoreError, match="refuses listing the inbox"):
        taker(bucket).take_all()
    assert bucket.inbox.keys() == ["x/a.png"]


def task(prefix: str, *classes: str) -> Task:
    source = InboxSource(type="inbox", prefix=prefix)
    return Task(name="own", classes=classes, label={"rule": "folder"}, sources=(source,))  # type: ignore[arg-type]


def test_a_task_takes_in_what_lies_below_its_prefix_and_labels_that_alone(folder: Store) -> None:
    for number, key in enumerate(["walls/brick/a.png", "walls/stone/b.png", "walls2/brick/c.png", "brick/d.png"]):
        folder.inbox.drop(key, picture(number))
    walls = task("/walls/", "brick", "stone")
    progress: list[tuple[int, int]] = []
    assert scrape(walls, folder.catalog, progress=lambda *counts: progress.append(counts)) == Scraped(posts=2, images=2)
    assert progress == [(2, 2)]
    assert folder.inbox.keys() == ["brick/d.png", "walls2/brick/c.png"]
    taker(folder).take_all()
    batch = label(walls, folder.catalog)
    assert batch
    assert batch.images == 2
    classes = {row["post"]: row["cls"] for row in folder.catalog.labelled("own").to_pylist()}
    assert classes == {"inbox/walls/brick/a.png": "brick", "inbox/walls/stone/b.png": "stone"}
    assert not waiting(walls, folder.catalog)
    everything = task("", "brick", "stone").model_copy(update={"name": "all"})
    assert scrape(everything, folder.catalog) == Scraped()
    labelled = label(everything, folder.catalog)
    assert labelled
    assert labelled.images == 4

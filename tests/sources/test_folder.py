"""A folder of class subfolders as a source, and as a task."""

import datetime
import os
from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.quarantine import quarantined
from perennial.errors import SourceError
from perennial.sources.folder import folder_name, survey
from perennial.sources.label import label
from perennial.sources.scrape import Scraped, scrape
from tests.sources.conftest import folder_task
from tests.sources.test_images import encoded, picture


def put(path: Path, tone: int = 0, size: tuple[int, int] = (60, 40)) -> Path:
    """Write a picture that no other tone has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = picture(size=size)
    image.paste((tone, 255 - tone, 128), (0, 0, 20, 20))
    path.write_bytes(encoded(image))
    return path


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    folder = tmp_path / "flowers"
    for tone, name in enumerate(("rose/a.png", "rose/deep/b.png", "tulip/a.PNG", "tulip/c.jpg")):
        put(folder / name, tone * 40)
    return folder


def test_pictures_become_images_with_class_and_date(flowers: Path, catalog: Catalog) -> None:
    moment = datetime.datetime(2025, 5, 5, 23, 30, tzinfo=datetime.UTC).timestamp()
    os.utime(flowers / "rose/a.png", (moment, moment))
    task = folder_task(flowers, "rose", "tulip")
    assert scrape(task, catalog) == Scraped(posts=4, images=4)
    rows = {row["post"]: row for row in catalog.images().to_pylist()}
    source = folder_name(flowers)
    assert sorted(rows) == [f"{source}/rose/a.png", f"{source}/rose/deep/b.png", f"{source}/tulip/a.PNG", f"{source}/tulip/c.jpg"]
    assert rows[f"{source}/rose/a.png"]["published"] == datetime.date(2025, 5, 5)
    batch = label(task, catalog)
    assert batch
    labelled = catalog.labelled("own")
    assert sorted(zip(labelled["post"].to_pylist(), labelled["cls"].to_pylist(), strict=True)) == [
        (f"{source}/rose/a.png", "rose"),
        (f"{source}/rose/deep/b.png", "rose"),
        (f"{source}/tulip/a.PNG", "tulip"),
        (f"{source}/tulip/c.jpg", "tulip"),
    ]


def test_only_what_is_new_is_read_again(flowers: Path, catalog: Catalog) -> None:
    task = folder_task(flowers, "rose", "tulip")
    scrape(task, catalog)
    assert scrape(task, catalog) == Scraped(known=4)
    put(flowers / "rose/z.png", 200)
    assert scrape(task, catalog) == Scraped(posts=1, images=1, known=4)
    assert label(task, catalog)
    put(flowers / "rose/z.png", 210)
    assert scrape(task, catalog) == Scraped(posts=1, images=1, known=5)
    (flowers / "rose/a.png").touch()
    assert scrape(task, catalog) == Scraped(posts=1, images=0, known=6)


def test_bad_pictures_go_to_quarantine_and_the_run_goes_on(flowers: Path, catalog: Catalog) -> None:
    (flowers / "rose/cut.jpg").write_bytes(encoded(picture(), "JPEG")[:300])
    (flowers / "rose/empty.jpg").touch()
    (flowers / "tulip/moving.gif").write_bytes(b"GIF89a" + bytes(40))
    (flowers / "tulip/notes.txt").write_text("not for learning")
    (flowers / "tulip/.hidden.jpg").write_bytes(b"x")
    found = scrape(folder_task(flowers, "rose", "tulip"), catalog)
    assert found == Scraped(posts=7, images=4, quarantined=3)
    reasons = {record.name: record.reason for record in quarantined(catalog.objects)}
    assert sorted(reasons) == ["rose/cut.jpg", "rose/empty.jpg", "tulip/moving.gif"]
    assert "damaged or cut off" in reasons["rose/cut.jpg"]
    assert "empty" in reasons["rose/empty.jpg"]
    assert "a GIF" in reasons["tulip/moving.gif"]


def test_a_class_that_the_task_lacks_is_set_aside(flowers: Path, catalog: Catalog) -> None:
    put(flowers / "weed/a.png", 220)
    put(flowers / "loose.png", 230)
    task = folder_task(flowers, "rose", "tulip")
    scrape(task, catalog)
    batch = label(task, catalog)
    assert batch
    assert batch.images == 4
    source = folder_name(flowers)
    assert sorted(catalog.to_review("own")["post"].to_pylist()) == [f"{source}/loose.png", f"{source}/weed/a.png"]
    assert label(task, catalog) is None


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ((), "has no pictures"),
        (("rose/",), "has no pictures"),
        (("a.png",), "has 1 pictures but no class subfolders"),
        (("rose/a.png",), "one class alone, rose"),
        (("rose/a.png", "tulip/"), r"one class alone, rose \(without pictures: tulip\)"),
    ],
)
def test_too_little_in_a_folder_is_said(tmp_path: Path, catalog: Catalog, names: tuple[str, ...], reason: str) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in names:
        (folder / name).mkdir() if name.endswith("/") else put(folder / name)
    with pytest.raises(SourceError, match=reason):
        scrape(folder_task(folder, "rose", "tulip"), catalog)
    with pytest.raises(SourceError, match=reason):
        survey(folder)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path, catalog: Catalog) -> None:
    with pytest.raises(SourceError, match="There is no folder"):
        scrape(folder_task(tmp_path / "nowhere", "rose", "tulip"), catalog)


def test_a_folder_that_went_away_is_said(flowers: Path, catalog: Catalog) -> None:
    task = folder_task(flowers, "rose", "tulip")
    scrape(task, catalog)
    flowers.rename(flowers.with_name("elsewhere"))
    with pytest.raises(SourceError, match="There is no folder"):
        scrape(task, catalog)


def test_empty_classes_are_counted_and_left_out(flowers: Path, tmp_path: Path) -> None:
    (flowers / "lily").mkdir()
    assert survey(flowers) == {"lily": 0, "rose": 2, "tulip": 2}


def test_a_class_named_later_is_labelled_then(flowers: Path, catalog: Catalog) -> None:
    put(flowers / "weed/a.png", 220)
    scrape(folder_task(flowers, "rose", "tulip"), catalog)
    label(folder_task(flowers, "rose", "tulip"), catalog)
    batch = label(folder_task(flowers, "rose", "tulip", "weed"), catalog)
    assert batch
    assert batch.images == 1


def test_another_task_leaves_these_pictures_alone(flowers: Path, tmp_path: Path, catalog: Catalog) -> None:
    put(tmp_path / "others/rose/x.png", 60)
    put(tmp_path / "others/tulip/y.png", 70)
    scrape(folder_task(flowers, "rose", "tulip"), catalog)
    other = folder_task(tmp_path / "others", "rose", "tulip").model_copy(update={"name": "other"})
    scrape(other, catalog)
    batch = label(other, catalog)
    assert batch
    assert batch.images == 2
    assert catalog.to_review("other").num_rows == 0

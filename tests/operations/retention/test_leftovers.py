"""Folders of runs, refused things, pixels and old versions of tables that nothing needs go; the rest stays."""

import datetime as dt

import pytest

from perennial.catalog import tables
from perennial.catalog.images import LAYOUT, pixels_key
from perennial.catalog.leases import lease
from perennial.catalog.quarantine import counts as refused
from perennial.catalog.quarantine import quarantine
from perennial.catalog.tables import Table
from perennial.operations.facts import RunFolder
from perennial.sources.fetched import Fetched, Journal
from perennial.task import save_task
from tests.operations.retention.acts import counts, tidied
from tests.small_world import World, picture


def test_runs_go_but_the_newest_those_open_and_those_that_made_a_model(world: World) -> None:
    for run in ("run-0", "run-1", "run-2"):
        RunFolder(world.objects, "colours", run).write("scrape", {})
    made = next(version.run for version in world.registry.versions("colours"))
    assert made == "run-1"
    would, went = tidied(world, 100, dry_run=True), tidied(world, 100)
    assert counts(would)["runs"] == counts(went)["runs"] == 1
    assert went["runs"].stays == {"it made a model that stays": 1, "the newest of its task": 1}
    assert [RunFolder(world.objects, "colours", run).find("scrape") for run in ("run-0", "run-1", "run-2")] == [None, {}, {}]
    assert "runs" not in counts(tidied(world, 80))


def test_what_was_refused_goes(world: World) -> None:
    quarantine(world.objects, "inbox", "a.png", b"no picture", "It isn't one.")
    assert "quarantine" not in counts(tidied(world, 20))
    went = tidied(world, 40)
    assert (went["quarantine"].count, went["quarantine"].bytes > 10) == (1, True)
    assert refused(world.objects) == {}


def test_pixels_without_a_row_go_unless_the_next_run_makes_rows_of_them(world: World) -> None:
    orphan, fetched = (world.catalog.store_pixels(picture("red", 6000 + number)) for number in range(2))
    Journal(world.objects, "site").note(Fetched("one", "taken", 0, sha=fetched))
    known = world.catalog.image_ids()
    assert tidied(world, 0)["pixels without a row"].stays == {"younger than 1 day": 1}
    with lease(world.objects, "sources/site"):
        assert tidied(world, 2)["pixels without a row"].stays == {"a source is being read": 1}
    went = tidied(world, 2)["pixels without a row"]
    assert (went.count, went.stays) == (1, {})
    assert not world.objects.exists(pixels_key(orphan))
    assert all(world.objects.exists(pixels_key(id)) for id in [*known, fetched])


def test_old_versions_of_tables_go_with_the_rows_that_were_deleted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Table(world.objects, "images", LAYOUT)
    table.delete(f"id = '{world.catalog.image_ids()[0]}'")
    left = world.catalog.image_ids()
    assert table.outdated() == []  # they are readable for an hour
    monkeypatch.setattr(tables, "KEPT_VERSIONS", dt.timedelta(0))
    monkeypatch.setattr("perennial.catalog.upkeep.KEPT_VERSIONS", dt.timedelta(0))
    would, went = tidied(world, dry_run=True), tidied(world)
    name = "old versions of tables"
    assert would[name].count == went[name].count > 0
    assert (would[name].bytes, went[name].bytes > 0) == (0, True)
    assert world.catalog.image_ids() == left
    assert not any(part.metadata.num_deletions for part in table.view().dataset.get_fragments())


@pytest.mark.parametrize(("days", "archived"), [(0, 0), (30, 60)])
def test_images_are_archived_where_the_task_says_so_and_are_found_there(world: World, days: int, archived: int) -> None:
    tasks = world.settings.home / "tasks"
    save_task(world.task.model_copy(update={"archive_images_days": days}), tasks / "colours.yaml")
    rows = world.catalog.images(None, ("id", "published")).to_pylist()
    first = min(row["published"] for row in rows)
    at = (first - dt.datetime.now(dt.UTC).date()).days + 30  # the first batch is 30 days old, the two after it aren't
    would = tidied(world, at, dry_run=True, tasks=tasks, keep_models_days=0)
    went = tidied(world, at, tasks=tasks, keep_models_days=0)
    assert would["images"].count == went["images"].count == archived
    before = {row["id"]: row["published"] for row in rows}
    for id, published in before.items():
        assert world.objects.exists(pixels_key(id)) != (bool(archived) and published == first)
        assert len(world.catalog.pixels(id)) > 100
    assert counts(tidied(world, at, tasks=tasks, keep_models_days=0)) == {}

"""People settle what the gate held, and the next run goes on because of it."""

import datetime
import io
from pathlib import Path

import pytest
from PIL import Image as Picture

from perennial.catalog.catalog import Catalog
from perennial.catalog.digests import digest_of_bytes
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Batch, Image, LabelEvent
from perennial.errors import CatalogError
from perennial.operations.review import settle
from perennial.operations.runs import RunFolder, begin, goes_on
from perennial.task import Task

DAY = datetime.date(2026, 3, 2)
TASK = Task.model_validate(
    {"name": "walls", "classes": ["a", "b"], "label": {"rule": "folder"}, "sources": [{"type": "folder", "path": "/nowhere"}]}
)


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.open(Objects.open((tmp_path / "store").as_uri()))


@pytest.fixture
def held(catalog: Catalog) -> Batch:
    data = io.BytesIO()
    Picture.new("RGB", (8, 8)).save(data, "JPEG")
    id = digest_of_bytes(data.getvalue())
    catalog.add_images([(Image(id, "s", "s/1", "u", DAY, "", "", "photo", {}, 8, 8), data.getvalue())])
    batch = catalog.append_labels("walls", [LabelEvent(id, "walls", "a", "source", "s", DAY)])
    assert batch
    catalog.hold("walls", batch.id, "odd")
    return batch


def next_run_goes_on(catalog: Catalog) -> bool:
    run = RunFolder(catalog.objects, "walls", "next")
    return goes_on(run, TASK, new_posts=0, unfinished=begin(run))


def test_an_approved_batch_is_open_and_makes_the_next_run_go_on(catalog: Catalog, held: Batch) -> None:
    assert settle(catalog, "walls", held.id[:6], "open") == held.id
    assert [batch.status for batch in catalog.batches("walls")] == ["open"]
    assert next_run_goes_on(catalog)


def test_a_rejected_batch_stays_away(catalog: Catalog, held: Batch) -> None:
    settle(catalog, "walls", held.id, "rejected")
    assert [batch.status for batch in catalog.batches("walls")] == ["rejected"]
    assert catalog.labelled("walls").num_rows == 0


def test_a_batch_that_is_not_held_is_said(catalog: Catalog, held: Batch) -> None:
    with pytest.raises(CatalogError, match=f"Held batches: {held.id[:12]}"):
        settle(catalog, "walls", "nothing", "open")

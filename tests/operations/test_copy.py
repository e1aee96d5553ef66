"""Copying a store."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perennial.catalog.archive import archive
from perennial.catalog.catalog import Catalog
from perennial.catalog.images import pixels_key
from perennial.catalog.objects import Objects
from perennial.cli import app
from perennial.errors import StoreError, StoreUnavailable
from perennial.operations.copy import GATHERED, Copied, copy
from perennial.serving.record import read_record
from tests.deployment.acts import go
from tests.small_world import World, deployed_template, template


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp())


def contents(objects: Objects) -> dict[str, bytes]:
    return {key: objects.get(key) for key in objects.sizes() if not key.startswith("leases/")}


def test_a_copy_holds_all_and_opens_as_a_catalog(world: World, tmp_path: Path) -> None:
    target = Objects.open((tmp_path / "copy").as_uri())
    copied = copy(world.objects, target)
    assert contents(target) == contents(world.objects)
    assert copied == Copied(len(contents(target)), sum(map(len, contents(target).values())), 0)
    rows = [catalog.labelled("colours").sort_by("image").to_pylist() for catalog in (world.catalog, Catalog.open(target))]
    assert rows[0] == rows[1] != []


def test_a_second_copy_goes_on_where_the_first_was_cut_off(world: World, tmp_path: Path) -> None:
    target = Objects.open((tmp_path / "copy").as_uri())

    def cut(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(world.objects, target, progress=cut)
    before = len(list(target.keys()))
    assert 0 < before < len(contents(world.objects))
    second = copy(world.objects, target)
    assert contents(target) == contents(world.objects)
    assert second.kept > 0


def test_what_changed_at_the_same_size_is_copied_where_it_is_json(tmp_path: Path) -> None:
    source, target = (Objects.open((tmp_path / name).as_uri()) for name in ("one", "two"))
    source.put("runs/t/state.json", b'{"open": [1]}')
    copy(source, target)
    source.put("runs/t/state.json", b'{"open": [2]}')
    assert copy(source, target).objects == 1
    assert target.get("runs/t/state.json") == b'{"open": [2]}'


def test_an_endpoint_is_deployed_to_on_a_copy_too(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    world = deployed_template(tmp_path_factory.getbasetemp()).copy(tmp_path / "home")
    record = read_record(world.objects, "colours").model_dump()
    world.write_record(**{**record, "fence": 7})  # as after many deployments; leases aren't copied
    url = (tmp_path / "copy").as_uri()
    copy(world.objects, Objects.open(url))
    there = replace(world, settings=world.settings.model_copy(update={"store": url}))
    assert go(there, 2, 1).outcome == "promoted"
    assert read_record(there.objects, "colours").fence == 8


def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="names no store"):
        Objects.open("backup")


def test_what_was_gathered_goes_alone_archived_pictures_too(world: World, tmp_path: Path) -> None:
    source, target = (Objects.open((tmp_path / name).as_uri()) for name in ("one", "two"))
    copy(world.objects, source)
    catalog = Catalog.open(source)
    image = catalog.image_ids()[0]
    pixels = catalog.pixels(image)
    archive(source, [pixels_key(image)])
    copy(source, target, folders=GATHERED)
    assert Catalog.open(target).pixels(image) == pixels
    assert {key.split("/")[0] for key in contents(target)} == {"archive", "backbones", "catalog", "images"}
    assert copy(source, target, folders=GATHERED).kept > 0


def test_two_catalogs_dont_become_one(world: World, tmp_path: Path) -> None:
    target = Objects.open((tmp_path / "two").as_uri())
    target.put("catalog/images.lance/_versions/1.manifest", b"another one's")
    before = contents(target)
    with pytest.raises(StoreError, match="two catalogs can't become one"):
        copy(world.objects, target, folders=GATHERED)
    assert contents(target) == before


def test_nothing_to_copy_is_refused(tmp_path: Path) -> None:
    empty, target = (Objects.open((tmp_path / name).as_uri()) for name in ("empty", "target"))
    with pytest.raises(StoreError, match="There is nothing to copy in file://"):
        copy(empty, target)
    ended = CliRunner().invoke(app, ["copy", (tmp_path / "typo").as_uri(), target.url])
    assert isinstance(ended.exception, StoreUnavailable)
    assert not (tmp_path / "typo").exists()

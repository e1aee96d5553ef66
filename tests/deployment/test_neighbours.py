"""Which training images go into a release."""

from pathlib import Path

import pytest

from perennial.catalog.catalog import Catalog
from perennial.deployment import neighbours as chooser
from perennial.deployment.neighbours import write_neighbours
from perennial.learning.model import Model, load_model
from perennial.learning.training import update
from perennial.serving.neighbours import Neighbours
from tests.learning.drawn import World, task


def learnt(world: World, champion: str | None = None) -> Model:
    trained = update(task(), world.catalog, "b" * 64, champion)
    assert trained is not None
    return load_model(world.catalog.objects, "drawn", trained.digest)


def written(catalog: Catalog, model: Model, folder: Path) -> Neighbours:
    folder.mkdir()
    write_neighbours(catalog, "drawn", model, folder)
    found = Neighbours.load(folder, "drawn", model.head())
    assert found is not None
    return found


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "store")


def test_they_are_training_images_as_the_model_learnt_them(world: World, tmp_path: Path) -> None:
    world.day(0)
    world.day(1)
    model = learnt(world)
    rows = {row["image"]: row for row in world.catalog.labelled("drawn", model.batches).to_pylist()}
    wrong = next(image for image, row in rows.items() if (row["split"], row["cls"]) == ("train", "barn"))
    world.relabel([wrong], "tower")
    before, after = written(world.catalog, model, tmp_path / "a"), written(world.catalog, learnt(world), tmp_path / "b")
    assert {image.image: image.cls for image in before.images} == {
        image: row["cls"] for image, row in rows.items() if row["split"] == "train"
    }
    assert {image.image: image.cls for image in after.images}[wrong] == "tower"
    assert (before.vectors == world.catalog.embeddings("b" * 64, [image.image for image in before.images])).all()
    assert all(image.post == rows[image.image]["post"] for image in before.images)


def test_few_are_taken_by_turns_from_each_class(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.day(0, 60, classes=(0, 0, 0, 0, 1))
    world.day(1, 3, classes=(2,))
    model = learnt(world)
    rare = [row for row in world.catalog.labelled("drawn", model.batches).to_pylist() if row["cls"] == "tower"]
    monkeypatch.setattr(chooser, "LARGEST", 20)
    classes = [image.cls for image in written(world.catalog, model, tmp_path / "few").images]
    towers = sum(row["split"] == "train" for row in rare)
    assert 0 < towers == classes.count("tower")
    assert classes.count("barn") + classes.count("church") == 20 - towers
    assert abs(classes.count("barn") - classes.count("church")) <= 1


def test_the_same_model_gives_the_same_bytes_whatever_came_later(world: World, tmp_path: Path) -> None:
    world.day(0)
    model = learnt(world)
    written(world.catalog, model, tmp_path / "a")
    world.day(1)
    written(world.catalog, model, tmp_path / "b")
    for name in ("drawn.json", "drawn.safetensors"):
        assert (tmp_path / "a/neighbours" / name).read_bytes() == (tmp_path / "b/neighbours" / name).read_bytes()


def test_a_long_history_is_not_read_whole(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [world.day(number, 10) for number in range(6)]
    model = learnt(world)
    monkeypatch.setattr(chooser, "CANDIDATES", 30)
    first = sorted(batch.id for batch in batches)[:2]
    read = set(world.catalog.labelled("drawn", first)["image"].to_pylist())
    found = {image.image for image in written(world.catalog, model, tmp_path / "some").images}
    assert found
    assert found <= read


def test_an_image_that_is_gone_from_the_catalog_is_left_out(world: World, tmp_path: Path) -> None:
    world.day(0)
    model = learnt(world)
    gone = next(row["image"] for row in world.catalog.labelled("drawn").to_pylist() if row["split"] == "train")
    world.catalog._images.table.delete(f"id = '{gone}'")
    found = [image.image for image in written(world.catalog, model, tmp_path / "left").images]
    assert found
    assert gone not in found

"""Releases of other versions, and damaged ones."""

import shutil
from pathlib import Path

import pytest

from perennial.catalog.digests import canonical
from perennial.errors import ModelError
from perennial.serving.releases import FILE, ReleaseFile, ServedModel, load_release, read_release, release_prefix
from tests.small_world import World, template


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return template(tmp_path_factory.getbasetemp()).copy(tmp_path_factory.mktemp("releases") / "home")


def test_a_release_names_its_neighbours_among_its_files(world: World) -> None:
    folder, file = read_release(world.objects, "colours", world.release(1))
    names = {"neighbours/colours.json", "neighbours/colours.safetensors"}
    assert names <= set(file.files)
    assert all((folder / name).is_file() for name in names)
    assert world.release(1) == file.digest


def test_a_release_made_before_there_were_neighbours_is_served_without(world: World, tmp_path: Path) -> None:
    folder, file = read_release(world.objects, "colours", world.release(1))
    older = tmp_path / "older"
    shutil.copytree(folder, older, ignore=shutil.ignore_patterns("neighbours"))
    kept = {name: sha for name, sha in file.files.items() if not name.startswith("neighbours/")}
    plain = file.model_copy(update={"files": kept})
    (older / FILE).write_bytes(canonical(plain.model_dump(mode="json")))
    world.objects.publish(release_prefix("colours", plain.digest), older)
    release = load_release(world.objects, "colours", plain.digest, {}, 1)
    assert dict(release.neighbours) == {}
    assert release.heads["colours"].classes == ("red", "green", "blue")


def test_neighbours_that_were_changed_are_told(world: World, tmp_path: Path) -> None:
    broken = world.copy(tmp_path / "broken")
    digest = broken.release(2)
    vectors = broken.objects.folder(release_prefix("colours", digest)) / "neighbours" / "colours.safetensors"
    vectors.write_bytes(vectors.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"neighbours/colours\.safetensors differs"):
        load_release(broken.objects, "colours", digest, {}, 1)


def test_what_a_release_doesnt_say_changes_no_digest() -> None:
    served = ServedModel(model="m", version=1, backbone="b")
    assert served.model_dump() == {"model": "m", "version": 1, "backbone": "b"}
    keeping = served.model_copy(update={"keep_pictures": True})
    assert ServedModel.model_validate(keeping.model_dump()).keep_pictures
    assert ReleaseFile(endpoint="e", tasks={"t": served}, code="1", files={}).digest != (
        ReleaseFile(endpoint="e", tasks={"t": keeping}, code="1", files={}).digest
    )

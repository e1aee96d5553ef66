"""Updates through a real catalog."""

from pathlib import Path

import numpy as np
import pytest

from perennial.errors import ModelError
from perennial.learning.folder import CALIBRATION, DESCRIPTION, HEAD, LEDGER, STATE
from perennial.learning.model import load_model
from perennial.learning.training import Trained, update
from perennial.task import LearnerSpec, Task
from tests.learning.drawn import BACKBONE, CLASSES, World, task


def trained(world: World, champion: str | None = None, of: Task | None = None) -> Trained:
    found = update(of or task(), world.catalog, BACKBONE, champion)
    assert found is not None
    return found


def state(world: World, digest: str) -> dict[str, bytes]:
    arrays = load_model(world.catalog.objects, "drawn", digest).learner().state()
    return {name: array.tobytes() for name, array in arrays.items()}


def test_days_learnt_one_by_one_give_the_state_of_all_at_once(tmp_path: Path) -> None:
    world, digest = World(tmp_path / "a"), None
    for number in range(3):
        world.day(number, 12)
        digest = trained(world, digest).digest
    assert digest is not None
    assert state(world, digest) == state(world, trained(world).digest)


def test_what_an_update_says(tmp_path: Path) -> None:
    world = World(tmp_path)
    first, seen = world.day(0), []
    one = update(task(), world.catalog, BACKBONE, None, progress=lambda done, total: seen.append((done, total)))
    assert one is not None
    assert (one.batches_new, one.from_scratch, one.parent) == ((first.id,), True, None)
    assert seen[-1][0] == seen[-1][1] > 0
    second = world.day(1)
    two = trained(world, one.digest)
    assert (two.batches_new, two.from_scratch, two.parent, two.images_new) == ((second.id,), False, one.digest, 80)
    assert two.images > one.images


def test_nothing_new_is_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    assert update(task(), world.catalog, BACKBONE, None) is None
    world.day(0)
    assert update(task(), world.catalog, BACKBONE, trained(world).digest) is None


def test_the_same_update_twice_is_one_model(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.day(0)
    assert trained(world) == trained(world)


def test_the_head_tells_classes_apart_and_knows_what_is_unlike_them(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.day(0, 120)
    model = load_model(world.catalog.objects, "drawn", trained(world).digest)
    head, rows = model.head(), world.catalog.labelled("drawn")
    vectors = world.catalog.embeddings(BACKBONE, rows["image"].to_pylist())
    probabilities = head.probabilities(vectors)
    assert head.classes == CLASSES
    assert np.allclose(probabilities.sum(axis=1), 1)
    right = [CLASSES[answer] == cls for answer, cls in zip(head.predict(vectors), rows["cls"].to_pylist(), strict=True)]
    assert np.mean(right) > 0.95
    assert head.unfamiliar(vectors).mean() < 0.1
    assert head.unfamiliar(np.full((1, vectors.shape[1]), 4000, np.int16)).all()
    with pytest.raises(ModelError, match="takes vectors of 16 dimensions"):
        head.probabilities(vectors[:, :8])


def test_held_out_and_calibration_images_are_never_learnt(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.day(0)
    splits = world.catalog.labelled("drawn")["split"].to_pylist()
    digest = trained(world).digest
    model = load_model(world.catalog.objects, "drawn", digest)
    assert model.description.images == splits.count("train")
    assert len(model.calibration()) == splits.count("calibrate")


def test_a_correction_leaves_the_state_of_having_known_it(tmp_path: Path) -> None:
    world, right = World(tmp_path / "a"), World(tmp_path / "b")
    world.day(0, labels=lambda cls, post: (cls + 1) % 3 if post < 10 else cls)
    right.day(0)
    digest = trained(world).digest
    for row in right.catalog.labelled("drawn").to_pylist():
        if int(row["post"].split("/")[1]) < 10:
            world.relabel([row["image"]], row["cls"])
    assert state(world, trained(world, digest).digest) == state(right, trained(right).digest)


def test_a_label_taken_away_is_unlearnt(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.day(0)
    digest = trained(world).digest
    train = [row["image"] for row in world.catalog.labelled("drawn").to_pylist() if row["split"] == "train"]
    world.relabel(train[:5], None)
    assert trained(world, digest).images == len(train) - 5


def test_a_held_batch_is_not_learnt_and_one_rejected_later_is_unlearnt(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.day(0)
    first = trained(world)
    bad = world.day(1)
    learnt = trained(world, first.digest)
    world.catalog.hold("drawn", bad.id, "looks odd")
    assert update(task(), world.catalog, BACKBONE, first.digest) is None
    assert state(world, trained(world, learnt.digest).digest) == state(world, first.digest)


@pytest.mark.parametrize(
    "changed",
    [
        task(classes=(*CLASSES, "mill")),
        task(learner=LearnerSpec(name="ncm", period="day")),
        task(learner=LearnerSpec(period="month")),
    ],
    ids=["classes", "learner", "period"],
)
def test_another_shape_of_task_is_learnt_from_scratch(tmp_path: Path, changed: Task) -> None:
    world = World(tmp_path)
    world.day(0, 20)
    first = trained(world)
    world.day(1, 20)
    second = trained(world, first.digest, changed)
    assert second.from_scratch
    assert len(second.batches_new) == 1
    assert state(world, second.digest) == state(world, trained(world, None, changed).digest)


def test_a_task_without_an_image_of_its_classes_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.day(0, 5)
    with pytest.raises(ModelError, match="no image to learn from"):
        update(task(classes=("mill", "silo")), world.catalog, BACKBONE, None)


@pytest.mark.parametrize("name", [DESCRIPTION, HEAD, STATE, CALIBRATION, LEDGER])
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_folder_is_an_error_that_names_the_file(tmp_path: Path, name: str, harm: str) -> None:
    world = World(tmp_path)
    world.day(0, 10)
    digest = trained(world).digest
    path = tmp_path / "models" / "drawn" / digest / name
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelError, match=name if harm == "cut" or name != "model.json" else "has no model"):
        whole(world, digest)


def whole(world: World, digest: str) -> None:
    model = load_model(world.catalog.objects, "drawn", digest)
    model.head()
    model.learner()
    model.calibration()


def test_a_folder_under_another_name_is_an_error(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.day(0, 10)
    folder = tmp_path / "models" / "drawn" / trained(world).digest
    folder.rename(folder.with_name("0" * 64))
    with pytest.raises(ModelError, match="is named 000"):
        load_model(world.catalog.objects, "drawn", "0" * 64)

"""Fine-tuning on a small network: what it learns, from what, and that a killed one ends as an undisturbed one does."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from perennial.backbones.augment import augmented
from perennial.backbones.export import ensure
from perennial.backbones.tuning import description_of, restore
from perennial.catalog.catalog import Catalog
from perennial.errors import ImageRejected, ModelError
from perennial.learning import replay
from perennial.learning.finetune import _worse, finetune
from perennial.learning.tuned import Tuned, root_of
from perennial.task import FinetuneSpec
from tests.learning.shades import add, nearest_mean, opened, picture, task

SHORT = FinetuneSpec(when="always", epochs=2, images_per_class=16, batch=16, learning_rate=0.001)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A store of 180 pictures with the base exported, for the tests to copy; and the base's digest."""
    store = tmp_path_factory.mktemp("shades") / "store"
    catalog = opened(store)
    add(catalog, range(180))
    return store, ensure(task().backbone, catalog.objects)


@pytest.fixture
def world(template: tuple[Path, str], tmp_path: Path) -> tuple[Catalog, str]:
    """A copy of that store as a catalog, and the base's digest."""
    shutil.copytree(template[0], tmp_path / "store")
    return opened(tmp_path / "store"), template[1]


class Killed(Exception):
    """What stands for kill -9 in a test."""


def test_a_tuned_backbone_tells_classes_apart_that_its_base_does_not(world: tuple[Catalog, str]) -> None:
    catalog, base = world
    seen: list[tuple[int, int]] = []

    tuned = finetune(task(), catalog, base, threads=2, progress=lambda done, total: seen.append((done, total)))

    assert nearest_mean(catalog, tuned.backbone) > nearest_mean(catalog, base) + 0.15
    assert tuned.before is not None
    assert tuned.after is not None
    assert tuned.after < tuned.before
    assert (tuned.base, tuned.epochs) == (base, 3)
    assert tuned.images == catalog.labelled("tints")["split"].to_pylist().count("train")
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]
    assert root_of(catalog.objects, tuned.backbone) == base
    weights = f"backbones/weights/{description_of(catalog.objects, tuned.backbone).weights}.safetensors"
    assert catalog.objects.exists(weights)
    assert restore(catalog.objects, tuned.backbone) is not None
    assert [key for key in catalog.objects.keys("finetuning") if not key.endswith(".json")] == []
    assert finetune(task(), catalog, base, threads=2, progress=lambda *_: pytest.fail("done twice")) == tuned


def test_a_killed_fine_tuning_goes_on_from_its_last_epoch_and_ends_the_same(world: tuple[Catalog, str], tmp_path: Path) -> None:
    catalog, base = world
    own = task(finetune=SHORT)
    shutil.copytree(tmp_path / "store", tmp_path / "undisturbed")

    def kill(done: int, total: int) -> None:
        if done > total // 2:
            raise Killed

    with pytest.raises(Killed):
        finetune(own, catalog, base, threads=2, progress=kill)
    assert [key.rsplit("/")[-1] for key in catalog.objects.keys("finetuning")] == ["epoch-1.safetensors", "state.json"]
    resumed: list[int] = []
    tuned = finetune(own, catalog, base, threads=2, progress=lambda done, _: resumed.append(done))

    assert resumed[0] > 48
    assert tuned == finetune(own, opened(tmp_path / "undisturbed"), base, threads=2)


def test_held_batches_have_no_part_in_it(world: tuple[Catalog, str], tmp_path: Path) -> None:
    catalog, base = world
    shutil.copytree(tmp_path / "store", tmp_path / "without")
    bad = add(catalog, range(180, 240), wrong=1)
    catalog.hold("tints", bad.id, "odd")
    own = task(finetune=SHORT.model_copy(update={"epochs": 1}))

    assert finetune(own, catalog, base, threads=2) == finetune(own, opened(tmp_path / "without"), base, threads=2)


@pytest.mark.parametrize("rate", [0.1, 1e30])
def test_a_rate_that_is_too_high_leaves_the_base(world: tuple[Catalog, str], rate: float) -> None:
    catalog, base = world
    own = task(finetune=SHORT.model_copy(update={"epochs": 1, "learning_rate": rate}))

    tuned = finetune(own, catalog, base, threads=2)

    assert (tuned.backbone, tuned.loss) == (base, None)
    assert "learning_rate may be too high" in tuned.sentence
    assert "stays as it was" in tuned.sentence


def test_what_makes_the_calibration_split_less_likely_is_worse_beyond_chance_alone() -> None:
    before = np.random.default_rng(0).random(40)
    assert _worse(before, before + 0.1 + 0.2 * np.random.default_rng(1).random(40))
    assert not _worse(before, before + np.random.default_rng(1).normal(0.01, 0.5, 40))
    assert not _worse(before, before - 0.1)
    assert not _worse(np.empty(0), np.empty(0))


def test_one_class_is_nothing_to_tell_apart(world: tuple[Catalog, str]) -> None:
    catalog, base = world
    with pytest.raises(ModelError, match="1 of its classes have images"):
        finetune(task(classes=("red", "silo")), catalog, base, threads=1)


def test_a_sentence_says_what_was_judged() -> None:
    tuned = Tuned("t", "b", 3, 100, 0.5, None, None, "CPU")
    assert tuned.sentence == "3 epochs over 100 images on CPU"


def test_a_draw_is_balanced_and_shows_each_image_of_a_class_equally_often() -> None:
    classes = np.array([0] * 40 + [1] * 7 + [2] * 3)
    order = replay.drawn(classes, 20, np.random.default_rng(0))
    shown = np.bincount(order, minlength=50)
    assert np.bincount(classes[order]).tolist() == [20, 20, 20]
    for cls in range(3):
        assert np.ptp(shown[classes == cls]) <= 1
    assert len(replay.drawn(classes, 500, np.random.default_rng(0))) == 120


def test_an_error_while_reading_pictures_ends_the_reading() -> None:
    def read(place: int) -> np.ndarray:
        if place == 5:
            raise ImageRejected("no picture")
        return np.zeros((4, 4, 3), np.uint8)

    parts = replay.batches(np.arange(9), 2, read, 2)
    assert next(parts)[1].shape == (2, 4, 4, 3)
    with pytest.raises(ImageRejected):
        list(parts)


def test_augmented_pictures_differ_by_seed_alone() -> None:
    jpeg = picture("red", 0)
    one, same, other = (augmented(jpeg, 32, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.shape == (32, 32, 3)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    with pytest.raises(ImageRejected):
        augmented(jpeg[:200], 32, np.random.default_rng(0))

import numpy as np
import pytest

from perennial.learning import calibration
from perennial.learning.calibration import CalibrationSet, temperature, unfamiliar_threshold
from perennial.learning.head import softmax
from perennial.learning.readout import Readout

DIMS = 3


def images(count: int, seed: int = 0, day: int = 1) -> CalibrationSet:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, count)
    vectors = (np.where(classes == 0, -1, 1)[:, None] * 100 + rng.normal(0, 150, (count, DIMS))).astype(np.int16)
    return CalibrationSet(rng.integers(0, 256, (count, 32), np.uint8), vectors, classes, np.full(count, day))


def readout(sure: float) -> Readout:
    means = np.array([[-100.0] * DIMS, [100.0] * DIMS])
    return Readout.of(means, np.array([True, True]), np.zeros(DIMS), np.full(1, sure / 150))


def test_an_overconfident_head_is_cooled_and_its_probabilities_fit() -> None:
    sure, test = readout(5), images(4000, seed=1)
    found = temperature(sure, images(1000), 1.0)
    assert 15 < found < 40
    probabilities = softmax(sure.logits(test.vectors) / found)
    right = probabilities.argmax(axis=1) == test.classes
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.03


def test_a_few_images_that_are_all_right_dont_make_it_sure() -> None:
    few = images(3)
    vectors = (np.where(few.classes == 0, -1, 1)[:, None] * np.full((3, DIMS), 3000)).astype(np.int16)
    clear = CalibrationSet(few.images, vectors, few.classes, few.days)
    best = softmax(readout(5).logits(clear.vectors) / temperature(readout(5), clear, 1.0)).max(axis=1)
    assert (best < 0.95).all()


def test_without_images_the_fallback_stays() -> None:
    assert temperature(readout(1), CalibrationSet.empty(DIMS), 7.5) == 7.5
    assert unfamiliar_threshold(readout(1), CalibrationSet.empty(DIMS)) is None


def test_one_image_in_a_hundred_is_unfamiliar() -> None:
    threshold = unfamiliar_threshold(readout(1), images(1000))
    assert threshold is not None
    assert (readout(1).distances(images(1000).vectors) > threshold).sum() == pytest.approx(10, abs=1)
    assert readout(1).distances(np.full((1, DIMS), 4000, np.int16))[0] > threshold


def test_the_newest_are_kept_whatever_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "LARGEST", 6)
    old, new = images(5, seed=1, day=1), images(4, seed=2, day=2)
    both, other = old.plus(new), new.plus(old)
    assert sorted(both.days.tolist()) == [1, 1, 2, 2, 2, 2]
    assert np.array_equal(both.images, other.images)
    assert np.array_equal(both.vectors, other.vectors)


def test_an_image_can_be_taken_out() -> None:
    some = images(5)
    assert len(some.without([some.images[2].tobytes().hex()])) == 4

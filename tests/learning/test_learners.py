"""The contract that every learner passes; a new learner is found by itself."""

import importlib
import pkgutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.errors import ModelError, TaskError
from perennial.learning import learners
from perennial.learning.learners.base import Events, Learner
from perennial.learning.learners.registered import LEARNERS, learner_named

DIMS, CLASSES = 6, 4
MONTHS = ("2026-09", "2026-10", "2026-11")
FOUND = {
    cls
    for module in pkgutil.iter_modules(learners.__path__, learners.__name__ + ".")
    for cls in vars(importlib.import_module(module.name)).values()
    if isinstance(cls, type) and issubclass(cls, Learner) and cls is not Learner
}
every_learner = pytest.mark.parametrize("kind", sorted(FOUND, key=lambda cls: cls.name), ids=lambda cls: cls.name)


def drawn(seed: int, count: int, classes: int = CLASSES, *, sign: int = 1) -> Events:
    rng = np.random.default_rng(seed)
    which = rng.integers(0, classes, count)
    centres = np.random.default_rng(7).integers(-2500, 2500, (CLASSES, DIMS))
    vectors = np.clip(centres[which] + rng.normal(0, 300, (count, DIMS)), -4095, 4095).astype(np.int16)
    return Events(vectors, which, np.full(count, sign, np.int64), rng.choice(MONTHS, count))


def same(first: Learner, second: Learner) -> bool:
    mine, theirs = first.state(), second.state()
    return mine.keys() == theirs.keys() and all(
        mine[name].dtype == theirs[name].dtype and mine[name].tobytes() == theirs[name].tobytes() for name in mine
    )


def learnt(kind: type[Learner], *parts: Events) -> Learner:
    learner = kind(DIMS, CLASSES)
    for part in parts:
        learner.apply(part)
    return learner


def test_every_learner_is_registered() -> None:
    assert {cls.name: cls for cls in FOUND} == LEARNERS


def test_an_unknown_learner_is_an_error_that_lists_the_known() -> None:
    with pytest.raises(TaskError, match="ncm, slda"):
        learner_named("forest")


@every_learner
@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(30)), cuts=st.sets(st.integers(1, 29), max_size=4))
def test_the_state_has_the_same_bits_whatever_order_and_split(kind: type[Learner], order: list[int], cuts: set[int]) -> None:
    events = drawn(1, 30)
    parts = [events.at(np.array(part, np.int64)) for part in np.split(np.array(order), sorted(cuts))]
    assert same(learnt(kind, events), learnt(kind, *parts))


@every_learner
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), count=st.integers(0, 20))
def test_what_is_added_and_taken_away_leaves_no_bit(kind: type[Learner], seed: int, count: int) -> None:
    kept, passing = drawn(2, 25, classes=3), drawn(seed, count)
    assert same(learnt(kind, kept), learnt(kind, passing, kept, passing.negated()))


@every_learner
def test_a_correction_is_what_learning_it_right_would_have_been(kind: type[Learner]) -> None:
    wrong = drawn(3, 12)
    right = Events(wrong.vectors, (wrong.classes + 1) % CLASSES, wrong.weights, wrong.periods)
    assert same(learnt(kind, right), learnt(kind, wrong, wrong.negated(), right))


@every_learner
def test_largest_vectors_stay_exact(kind: type[Learner]) -> None:
    ones = np.ones(5000, np.int64)
    extreme = Events(np.full((5000, DIMS), 4095, np.int16), 0 * ones, ones, np.full(5000, "2026-11"))
    assert same(learnt(kind, extreme.at(slice(0, 1))), learnt(kind, extreme, extreme.at(slice(1, None)).negated()))


@every_learner
def test_saved_and_restored_it_answers_alike(kind: type[Learner]) -> None:
    learner = learnt(kind, drawn(4, 40))
    restored = kind.from_state(DIMS, CLASSES, learner.state())
    assert same(learner, restored)
    assert np.array_equal(learner.logits(drawn(5, 9).vectors, 30.0), restored.logits(drawn(5, 9).vectors, 30.0))


@every_learner
def test_answering_changes_nothing(kind: type[Learner]) -> None:
    learner, untouched = learnt(kind, drawn(4, 40)), learnt(kind, drawn(4, 40))
    learner.logits(drawn(5, 9).vectors, 30.0)
    learner.readout().distances(drawn(5, 9).vectors)
    assert same(learner, untouched)


@every_learner
def test_a_copy_goes_its_own_way(kind: type[Learner]) -> None:
    learner = learnt(kind, drawn(4, 40))
    learner.copy().apply(drawn(5, 10))
    assert same(learner, learnt(kind, drawn(4, 40)))


@every_learner
def test_separable_classes_are_told_apart(kind: type[Learner]) -> None:
    test = drawn(6, 200)
    assert (learnt(kind, drawn(4, 100)).logits(test.vectors).argmax(axis=1) == test.classes).mean() > 0.95


@every_learner
def test_a_class_never_seen_is_never_answered(kind: type[Learner]) -> None:
    learner = learnt(kind, drawn(4, 40, classes=3))
    logits = learner.logits(drawn(5, 9).vectors)
    assert np.isneginf(logits[:, 3]).all()
    assert np.isfinite(logits[:, :3]).all()


@every_learner
def test_a_new_class_is_answered_after_one_image(kind: type[Learner]) -> None:
    learner, new = learnt(kind, drawn(4, 60, classes=3)), drawn(8, 50)
    new = new.at(new.classes == 3)
    learner.apply(new.at(slice(0, 1)))
    assert (learner.logits(new.vectors).argmax(axis=1) == 3).mean() > 0.9


@every_learner
@pytest.mark.parametrize("count", [0, 1, 2])
def test_next_to_nothing_learnt_gives_finite_answers(kind: type[Learner], count: int) -> None:
    learner = learnt(kind, drawn(4, count))
    logits = learner.logits(drawn(5, 3).vectors)
    assert not np.isnan(logits).any()
    assert np.isfinite(logits).any(axis=1).all()


@every_learner
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), copies=st.integers(2, 30))
def test_pictures_that_are_all_alike_give_finite_answers(kind: type[Learner], seed: int, copies: int) -> None:
    """A class of copies has no scatter but the rounding of its sums."""
    rng = np.random.default_rng(seed)
    alike = np.repeat(rng.integers(-4000, 4000, (2, 96), dtype=np.int16), copies, axis=0)
    classes = np.repeat(np.arange(2), copies)
    learner = kind(96, 2)
    learner.apply(Events(alike, classes, np.ones(2 * copies, np.int64), np.full(2 * copies, "2026-01-01")))
    assert (learner.logits(alike).argmax(axis=1) == classes).all()


@every_learner
def test_an_empty_batch_changes_nothing_and_gets_no_answers(kind: type[Learner]) -> None:
    learner, empty = learnt(kind, drawn(4, 40)), drawn(5, 0)
    learner.apply(empty)
    assert same(learner, learnt(kind, drawn(4, 40)))
    assert learner.logits(empty.vectors).shape == (0, CLASSES)
    assert learner.readout().distances(empty.vectors).shape == (0,)


@every_learner
def test_a_rare_class_is_not_swallowed_by_a_frequent_one(kind: type[Learner]) -> None:
    events, test = drawn(9, 400), drawn(10, 200)
    rare = np.flatnonzero(events.classes == 3)[:3]
    learner = learnt(kind, events.at(np.r_[np.flatnonzero(events.classes != 3), rare]))
    rare_test = test.at(test.classes == 3)
    assert (learner.logits(rare_test.vectors).argmax(axis=1) == 3).mean() > 0.8


@every_learner
def test_a_short_half_life_follows_what_moved(kind: type[Learner]) -> None:
    old = drawn(11, 300)
    old = Events(old.vectors, old.classes, old.weights, np.full(300, "2026-01"))
    moved = drawn(12, 200)
    moved = Events(moved.vectors, (moved.classes + 1) % CLASSES, moved.weights, np.full(200, "2026-11"))
    learner = learnt(kind, old, moved)
    hits = [(learner.logits(moved.vectors, half_life).argmax(axis=1) == moved.classes).mean() for half_life in (None, 30.0)]
    assert hits[0] < 0.3
    assert hits[1] > 0.9


@every_learner
def test_a_state_of_other_size_is_an_error(kind: type[Learner]) -> None:
    with pytest.raises(ModelError, match="doesn't fit"):
        kind.from_state(DIMS + 1, CLASSES, learnt(kind, drawn(4, 10)).state())

import datetime as dt

import numpy as np

from perennial.learning.half_life import candidates, choose, fold_of
from perennial.learning.learners.base import Events
from perennial.learning.learners.slda import Slda

DIMS, CLASSES, A_DAY = 12, 3, 60


def story(moving: float, jump: float = 0.0) -> tuple[Events, list[str]]:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 500, (CLASSES, DIMS))
    way = np.roll(centres, 1, axis=0) - centres
    vectors, classes, periods = [], [], []
    for day in range(40):
        which = rng.integers(0, CLASSES, A_DAY)
        shift = moving * day + (jump if day == 39 else 0.0)
        vectors.append(centres[which] + way[which] * shift + rng.normal(0, 400, (A_DAY, DIMS)))
        classes.append(which)
        periods += [(dt.date(2026, 10, 1) + dt.timedelta(days=day)).isoformat()] * A_DAY
    stacked = np.clip(np.concatenate(vectors), -4095, 4095).astype(np.int16)
    events = Events(stacked, np.concatenate(classes), np.ones(len(stacked), np.int64), np.array(periods))
    return events, [f"demo/{position // 2}" for position in range(len(stacked))]


def chosen(moving: float, jump: float = 0.0) -> float | None:
    events, posts = story(moving, jump)
    learner = Slda(DIMS, CLASSES)
    learner.apply(events)
    newest = slice(len(events) - 3 * A_DAY, None)
    return choose(learner, events.at(newest), posts[newest], "day", whitener=learner.whitener())


def test_whatever_is_chosen_in_a_world_at_rest_costs_next_to_nothing() -> None:
    events, _ = story(0)
    learner = Slda(DIMS, CLASSES)
    learner.apply(events.at(slice(0, -10 * A_DAY)))
    test = events.at(slice(-10 * A_DAY, None))
    hits = [(learner.logits(test.vectors, one).argmax(axis=1) == test.classes).mean() for one in (None, chosen(0))]
    assert hits[1] > hits[0] - 0.02


def test_a_world_that_moves_lets_it_fade() -> None:
    half_life = chosen(1 / 40)
    assert half_life is not None
    assert half_life <= 16


def test_a_jump_on_the_newest_day_is_followed_at_once() -> None:
    half_life = chosen(0, jump=1.0)
    assert half_life is not None
    assert half_life <= 8


def test_choosing_leaves_the_learner_as_it_was() -> None:
    events, posts = story(0)
    learner = Slda(DIMS, CLASSES)
    learner.apply(events)
    before = {name: array.tobytes() for name, array in learner.state().items()}
    choose(learner, events.at(slice(0, 100)), posts[:100], "day", whitener=learner.whitener())
    assert {name: array.tobytes() for name, array in learner.state().items()} == before


def test_candidates_go_from_never_to_one_period() -> None:
    assert candidates("day")[0] is None
    assert candidates("day")[-1] == 1.0
    assert candidates("month")[-1] == 30.0


def test_images_of_a_post_share_a_fold() -> None:
    folds = fold_of(["a/1", "a/1", "b/2", *(f"c/{n}" for n in range(200))])
    assert folds[0] == folds[1]
    assert set(folds.tolist()) == set(range(5))

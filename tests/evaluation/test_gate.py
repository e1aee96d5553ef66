"""Champion against challenger through a real catalog: what is promoted, refused and held."""

from pathlib import Path

import numpy as np
import pytest

from perennial.evaluation.compare import evaluate
from perennial.evaluation.figures import Check, Evaluation, Verdict
from perennial.evaluation.gate import judge
from perennial.evaluation.page import html
from perennial.evaluation.prequential import score_before_learning
from perennial.learning.model import load_model
from perennial.learning.training import update
from perennial.task import GateSpec
from tests.learning.drawn import BACKBONE, World, task


def step(world: World, champion: str | None, **gate: float) -> tuple[str, Evaluation, Verdict]:
    own = task(gate=GateSpec.model_validate({"window_days": 3} | gate))
    found = update(own, world.catalog, BACKBONE, champion)
    assert found is not None
    evaluation = evaluate(own, world.catalog, found.digest, champion, found.batches_new)
    return found.digest, evaluation, judge(own, evaluation)


def check(verdict: Verdict, name: str) -> Check:
    return next(check for check in verdict.checks if check.name == name)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_first_model_is_promoted_above_the_floor_and_refused_below(tmp_path: Path) -> None:
    world = World(tmp_path, spread=700)
    world.day(0, 120)
    _, evaluation, verdict = step(world, None)
    assert verdict.outcome == "promote"
    assert evaluation.champion is None
    assert evaluation.difference is None
    assert check(verdict, "not worse than the champion").passed is None
    assert step(world, None, first_balanced_accuracy=0.99)[2].outcome == "refuse"


def test_honest_days_are_promoted_on_the_same_images_for_both(world: World) -> None:
    world.day(0, 120)
    champion, _, _ = step(world, None)
    new = world.day(1, 60)
    _, evaluation, verdict = step(world, champion)
    assert verdict.outcome == "promote"
    assert evaluation.new_batches == (new.id,)
    assert evaluation.champion is not None
    assert np.sum(evaluation.champion.confusion) == np.sum(evaluation.challenger.confusion) == evaluation.images
    assert evaluation.difference is not None
    assert evaluation.difference.low <= 0 <= evaluation.difference.high


def test_a_day_with_a_third_of_its_labels_wrong_is_held_alone(world: World) -> None:
    world.day(0, 150)
    champion, _, _ = step(world, None)
    world.day(1, 60)
    wrong = np.random.default_rng(3).random(1000) < 1 / 3
    bad = world.day(1, 60, labels=lambda cls, post: (cls + 1 + post % 2) % 3 if wrong[post] else cls)
    _, _, verdict = step(world, champion)
    assert verdict.outcome == "hold"
    assert verdict.batches == (bad.id,)
    assert bad.id[:12] in verdict.sentence


def test_an_honest_day_of_new_style_is_promoted(world: World) -> None:
    world.day(0, 150)
    champion, _, _ = step(world, None)
    world.centres = np.roll(world.centres, 1, axis=0) + 900
    world.day(10, 80)
    _, evaluation, verdict = step(world, champion, window_days=1, max_forgetting=1)
    assert verdict.outcome == "promote"
    assert evaluation.batches[0].domain > 0.9
    assert check(verdict, "labels agree with the champion").passed is None
    assert evaluation.difference is not None
    assert evaluation.difference.low > 0


def test_random_labels_on_a_day_of_new_style_are_held(world: World) -> None:
    world.day(0, 150)
    champion, _, _ = step(world, None)
    world.centres = np.roll(world.centres, 1, axis=0) + 900
    world.day(1, 80, labels=lambda cls, post: int(np.random.default_rng(post).integers(3)))
    assert check(step(world, champion)[2], "labels can be reproduced").passed is False


def test_images_of_a_class_unknown_to_the_champion_dont_count(world: World) -> None:
    world.day(0, 120, classes=(0, 1))
    champion, _, _ = step(world, None)
    world.day(1, 60, classes=(2,))
    _, evaluation, verdict = step(world, champion)
    assert evaluation.batches[0].counted == 0
    assert evaluation.batches[0].images == 120
    assert verdict.outcome == "promote"


def test_held_out_images_of_held_batches_never_count(world: World) -> None:
    world.day(0, 120)
    champion, before, _ = step(world, None)
    bad = world.day(1, 60)
    step(world, champion)
    world.catalog.hold("drawn", bad.id, "odd")
    again = evaluate(task(), world.catalog, champion, champion, [])
    assert again.images == before.images


def test_too_little_is_refused_and_never_held(world: World) -> None:
    world.day(0, 120)
    champion, _, _ = step(world, None)
    world.day(1, 4)
    _, _, verdict = step(world, champion, min_new_images=20)
    assert verdict.outcome == "refuse"
    assert check(verdict, "enough new images").passed is False
    assert check(verdict, "labels can be reproduced").passed is None


def test_a_challenger_worse_than_the_champion_beyond_the_interval_is_refused(world: World) -> None:
    world.day(0, 120)
    good, _, _ = step(world, None)
    even = evaluate(task(), world.catalog, good, good, [])
    assert even.difference is not None
    assert (even.difference.low, even.difference.value, even.difference.high) == (0, 0, 0)
    lost = even.difference.model_copy(update={"value": -0.3, "low": -0.4, "high": -0.2})
    verdict = judge(task(), even.model_copy(update={"difference": lost, "new_images": 100}))
    assert verdict.outcome == "refuse"
    assert "upper end may not be below 0" in verdict.sentence


def test_more_than_the_bound_may_not_be_forgotten(world: World) -> None:
    world.day(0, 120)
    champion, _, _ = step(world, None)
    world.centres = np.roll(world.centres, 1, axis=0)
    for number in range(8, 10):
        world.day(number, 150)
    _, evaluation, verdict = step(world, champion, window_days=1, max_forgetting=0.05)
    assert evaluation.older_images > 20
    assert check(verdict, "forgetting").passed is False
    assert check(step(world, champion, window_days=1, max_forgetting=1)[2], "forgetting").passed is True


def test_scores_before_learning_cover_all_images_of_the_batch(world: World) -> None:
    world.day(0, 120)
    champion, _, _ = step(world, None)
    batch = world.day(1, 30)
    scores = score_before_learning(task(), world.catalog, load_model(world.catalog.objects, "drawn", champion).head(), batch.id)
    assert len(scores.images) == len(scores.posts) == len(scores.correct) == 60
    assert scores.correct.mean() > 0.9


def test_the_page_holds_verdict_checks_and_confusion_and_loads_nothing(world: World) -> None:
    world.day(0, 120)
    _, evaluation, verdict = step(world, None)
    page = html(evaluation.model_copy(update={"task": "<script>"}), verdict)
    assert "<script>" not in page
    assert "http" not in page
    assert all(one.name in page for one in verdict.checks)
    assert all(cls in page for cls in evaluation.classes)


def test_documents_survive_json(world: World) -> None:
    world.day(0, 120)
    _, evaluation, verdict = step(world, None)
    assert Evaluation.model_validate_json(evaluation.model_dump_json()) == evaluation
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


@pytest.mark.parametrize(
    ("noise", "ms", "outcome", "failed"),
    [
        (0, 5.0, "promote", []),
        (1500, 5.0, "refuse", ["not worse than the champion"]),
        (0, 40.0, "refuse", ["latency"]),
    ],
    ids=["as good and faster", "faster and worse", "as good and slower"],
)
def test_another_precision_of_the_backbone_is_judged_by_accuracy_and_speed(
    world: World, noise: float, ms: float, outcome: str, failed: list[str]
) -> None:
    batch = world.day(0, 150)
    champion, _, _ = step(world, None)
    other, own = "c" * 64, task(gate=GateSpec(window_days=3))
    ids = world.catalog.labelled("drawn", [batch.id])["image"].to_pylist()
    vectors = world.catalog.embeddings(BACKBONE, ids)
    world.catalog.add_embeddings(
        other, ids, (vectors + world.rng.normal(0, noise, vectors.shape)).clip(-4095, 4095).astype(np.int16)
    )

    found = update(own, world.catalog, other, champion)
    assert found is not None
    speed = {BACKBONE: 20.0, other: ms}
    verdict = judge(own, evaluate(own, world.catalog, found.digest, champion, found.batches_new, backbone_ms=speed))

    assert verdict.outcome == outcome, verdict.sentence
    assert [check.name for check in verdict.checks if check.passed is False][:1] == failed
    assert check(verdict, "enough new images").passed is None

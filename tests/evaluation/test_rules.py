"""Gate rules by themselves, on documents made for them."""

import pytest

from perennial.evaluation import rules
from perennial.evaluation.batch import BatchFigures
from perennial.evaluation.bootstrap import Interval
from perennial.evaluation.figures import Evaluation, ModelFigures
from perennial.evaluation.gate import judge
from perennial.task import GateSpec
from tests.learning import drawn

GATE = GateSpec(recall_floor=0.2, recall_min_images=30)


def model(**changes: object) -> ModelFigures:
    rates = dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1", "top_3", "calibration_error", "unfamiliar"), 0.5)
    rest = {"recall": {"a": 0.6, "b": 0.1, "c": None}, "confusion": (), "by_month": {}, "older_accuracy": None}
    fields: dict[str, object] = {"digest": "d", "backbone": "b"} | rates | rest
    return ModelFigures.model_validate(fields | changes)


def evaluation(challenger: ModelFigures, champion: ModelFigures | None = None, rare: int = 40) -> Evaluation:
    counts = {"window_days": 3, "new_images": 50, "images": 100, "posts": 50, "older_images": 0}
    nothing = {"new_batches": (), "batches": (), "difference": None, "older_difference": None}
    models = {"challenger": challenger, "champion": champion, "support": {"a": 60, "b": rare, "c": 0}}
    return Evaluation.model_validate({"task": "t", "classes": ("a", "b", "c")} | counts | nothing | models)


@pytest.mark.parametrize(
    ("champion", "rare", "passed"),
    [
        (None, 40, False),
        (None, 29, True),
        (model(recall={"a": 0.6, "b": 0.1, "c": None}), 40, True),
        (model(recall={"a": 0.6, "b": 0.5, "c": None}), 40, False),
    ],
    ids=["below", "too few images", "champion no better", "champion better"],
)
def test_the_recall_floor(champion: ModelFigures | None, rare: int, passed: bool) -> None:
    assert rules.recall_floor(GATE, evaluation(model(), champion, rare)).passed is passed


def test_no_class_with_enough_images_isnt_judged() -> None:
    assert rules.recall_floor(GateSpec(recall_min_images=100), evaluation(model())).passed is None


@pytest.mark.parametrize(
    ("new", "old", "passed"),
    [
        ({"head_ms": 0.9}, {"head_ms": 0.1}, None),
        ({"head_ms": 9.0}, {"head_ms": 2.0}, False),
        ({"head_ms": 2.0}, {"head_ms": 9.0}, True),
        ({"head_ms": 0.1, "backbone": "x", "backbone_ms": 20.0}, {"head_ms": 0.1, "backbone_ms": 10.0}, False),
        ({"head_ms": 0.1, "backbone": "x", "backbone_ms": 12.0}, {"head_ms": 0.1, "backbone_ms": 10.0}, True),
        ({"head_ms": 0.1, "backbone": "x"}, {"head_ms": 0.1, "backbone_ms": 10.0}, None),
    ],
    ids=["noise", "slower head", "faster head", "slower backbone", "backbone within the limit", "backbone unknown"],
)
def test_latency(new: dict[str, object], old: dict[str, object], passed: bool | None) -> None:
    assert rules.latency(GateSpec(), evaluation(model(**new), model(**old))).passed is passed


@pytest.mark.parametrize(
    ("floor", "champion", "images", "passed"),
    [(0.0, 0.4, 100, None), (0.6, 0.4, 5, None), (0.6, 0.4, 100, False), (0.6, 0.7, 100, True), (0.4, None, 100, True)],
    ids=["no floor", "too few images", "both below", "champion above", "no champion"],
)
def test_a_backbone_suffices(floor: float, champion: float | None, images: int, passed: bool | None) -> None:
    gate = GateSpec(finetune_below=floor)
    found = evaluation(model(), model(balanced_accuracy=champion) if champion else None).model_copy(update={"images": images})
    assert rules.backbone_suffices(gate, found).passed is passed


@pytest.mark.parametrize(
    ("when", "tuned", "asks"), [("asked", False, True), ("asked", True, False), ("never", False, False), ("always", False, False)]
)
def test_a_backbone_that_doesnt_suffice_is_asked_to_be_tuned_and_stops_nothing(when: str, tuned: bool, asks: bool) -> None:
    task = drawn.task(finetune={"when": when}, gate={"finetune_below": 0.9, "recall_floor": 0})
    verdict = judge(task, evaluation(model()), tuned=tuned)
    assert (verdict.outcome, verdict.finetune) == ("promote", asks)
    assert ("The next run fine-tunes the backbone." in verdict.sentence) is asks


def test_a_refused_challenger_asks_as_well_and_held_batches_dont() -> None:
    task = drawn.task(finetune={"when": "asked"}, gate={"finetune_below": 0.9, "first_balanced_accuracy": 0.8})
    assert judge(task, evaluation(model())).finetune
    lower, none = Interval(value=-0.5, low=-0.6, high=-0.4), {"reproduction": None, "reproduction_difference": None}
    batch = {"batch": "e" * 64, "images": 90, "counted": 90, "posts": 30, "familiar": 1.0, "domain": 0.1, "agreement": 0.4}
    held = BatchFigures.model_validate(batch | none | {"agreement_difference": lower})
    verdict = judge(task, evaluation(model(), model()).model_copy(update={"batches": (held,)}))
    assert (verdict.outcome, verdict.finetune) == ("hold", False)


def test_another_backbone_is_news_enough() -> None:
    few = evaluation(model(backbone="x"), model()).model_copy(update={"new_images": 0})
    assert rules.enough_new_images(GATE, few).passed is None
    assert rules.enough_new_images(GATE, evaluation(model(), model()).model_copy(update={"new_images": 0})).passed is False


def test_every_rule_has_a_name_of_its_own_and_says_why() -> None:
    checks = [rule(GATE, evaluation(model())) for rule in (*rules.RULES, *rules.ADVICE)]
    assert len({check.name for check in checks}) == len(checks)
    assert all(check.sentence.endswith(".") for check in checks)

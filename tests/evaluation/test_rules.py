"""Gate rules by themselves, on documents made for them."""

import pytest

from perennial.evaluation import rules
from perennial.evaluation.figures import Evaluation, ModelFigures
from perennial.task import GateSpec

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


def test_every_rule_has_a_name_of_its_own_and_says_why() -> None:
    checks = [rule(GATE, evaluation(model())) for rule in rules.RULES]
    assert len({check.name for check in checks}) == len(rules.RULES)
    assert all(check.sentence.endswith(".") for check in checks)

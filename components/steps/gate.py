"""Decide whether the challenger may be deployed."""

from typing import Any

from components.step import Step
from perennial.evaluation.figures import Evaluation
from perennial.evaluation.gate import judge
from perennial.evaluation.page import html


def gate(task: str, run: str, evaluation: Evaluation) -> dict[str, Any]:
    """Return verdict and page; hold the batches that look suspicious."""
    with Step("gate", task, run) as step:
        facts = step.over()
        if facts is None:
            verdict = judge(step.task, evaluation)
            facts = step.done(verdict.sentence, verdict=verdict.model_dump(mode="json"), page=html(evaluation, verdict))
        for batch in facts["verdict"]["batches"]:
            step.catalog.hold(step.task.name, batch, facts["sentence"])
    return facts

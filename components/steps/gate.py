"""Decide whether the challenger may be deployed."""

from typing import Any

from components.step import Step
from perennial.evaluation.figures import Evaluation
from perennial.evaluation.gate import judge
from perennial.evaluation.page import html
from perennial.operations.finetuning import ask


def gate(task: str, run: str, evaluation: Evaluation) -> dict[str, Any]:
    """Return verdict and page; hold the batches that look suspicious."""
    with Step("gate", task, run) as step:
        facts = step.over()
        if facts is None:
            verdict = judge(step.task, evaluation, tuned=step.run.find("finetune") is not None)
            facts = step.done(verdict.sentence, verdict=verdict.model_dump(mode="json"), page=html(evaluation, verdict))
        for batch in facts["verdict"]["batches"]:
            step.catalog.hold(step.task.name, batch, facts["sentence"])
        if facts["verdict"]["finetune"]:
            ask(step.task, step.objects, f"gate of run {step.run.id}")
    return facts

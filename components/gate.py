"""Decide whether the challenger may be deployed."""

from kfp import dsl

from components.base import component


@component
def gate(task: str, run: str, page: dsl.Output[dsl.HTML]) -> bool:
    """Return whether every check is kept; hold the batches that look suspicious."""
    from pathlib import Path

    from components.step import Step
    from perennial.evaluation.figures import Evaluation
    from perennial.evaluation.gate import judge
    from perennial.evaluation.page import html

    with Step("gate", task, run) as step:
        evaluation = Evaluation.model_validate(step.run.read("evaluate")["evaluation"])
        verdict = judge(step.task, evaluation)
        shown = html(evaluation, verdict)
        Path(page.path).write_text(shown, encoding="utf-8")
        step.done(verdict.sentence, verdict=verdict.model_dump(mode="json"), page=shown)
        for batch in verdict.batches:
            step.catalog.hold(step.task.name, batch, verdict.sentence)
    return verdict.outcome == "promote"

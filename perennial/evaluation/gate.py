"""The gate: all rules, one verdict."""

from perennial.evaluation.figures import Evaluation, Verdict
from perennial.evaluation.rules import RULES
from perennial.task import Task


def judge(task: Task, evaluation: Evaluation) -> Verdict:
    """Apply every rule: suspicious batches are held, any other failed rule refuses, else the challenger may be promoted."""
    checks = tuple(rule(task.gate, evaluation) for rule in RULES)
    failed = [check for check in checks if check.passed is False]
    suspicious = tuple(sorted({batch for check in failed for batch in check.batches}))
    reasons = " ".join(check.sentence for check in failed)
    if suspicious:
        return Verdict(outcome="hold", sentence=f"Held for review. {reasons}", checks=checks, batches=suspicious)
    if failed:
        return Verdict(outcome="refuse", sentence=f"Refused. {reasons}", checks=checks)
    judged = sum(check.passed is not None for check in checks)
    return Verdict(
        outcome="promote", sentence=f"Passed {judged} of {len(checks)} checks; the others weren't judged.", checks=checks
    )

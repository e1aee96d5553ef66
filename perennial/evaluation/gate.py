"""The gate: all rules, one verdict."""

from perennial.evaluation.figures import Check, Evaluation, Verdict
from perennial.evaluation.rules import ADVICE, RULES
from perennial.task import Task


def judge(task: Task, evaluation: Evaluation, *, tuned: bool = False) -> Verdict:
    """Apply every rule: suspicious batches are held, any other failed rule refuses, else the challenger may be promoted.

    Where the task lets it, a backbone that doesn't suffice is to be fine-tuned in the next run; not again where this run did
    that (``tuned``), and not on the word of batches that are held.
    """
    checks = tuple(rule(task.gate, evaluation) for rule in RULES)
    advice = tuple(rule(task.gate, evaluation) for rule in ADVICE)
    failed = [check for check in checks if check.passed is False]
    suspicious = tuple(sorted({batch for check in failed for batch in check.batches}))
    if suspicious:
        sentence = f"Held for review. {_reasons(failed)}"
        return Verdict(outcome="hold", sentence=sentence, checks=checks + advice, batches=suspicious)
    asking = [check for check in advice if check.passed is False] if task.finetune.when == "asked" and not tuned else []
    asked = f" The next run fine-tunes the backbone. {_reasons(asking)}" if asking else ""
    if failed:
        sentence = f"Refused. {_reasons(failed)}{asked}"
        return Verdict(outcome="refuse", sentence=sentence, checks=checks + advice, finetune=bool(asking))
    judged = sum(check.passed is not None for check in checks)
    sentence = f"Passed {judged} of {len(checks)} checks; the others weren't judged.{asked}"
    return Verdict(outcome="promote", sentence=sentence, checks=checks + advice, finetune=bool(asking))


def _reasons(failed: list[Check]) -> str:
    return " ".join(check.sentence for check in failed)

"""Record how the run ended, whatever became of it."""

from components.base import component


@component
def record(task: str, run: str) -> None:
    """Write the run's outcome to the store and, where something was learnt, to MLflow."""
    from components.step import Step
    from perennial.operations.runs import conclude

    with Step("record", task, run) as step:
        outcome = conclude(step.run, lambda: step.task, lambda: step.catalog, lambda: step.registry)
        step.done(outcome.name, outcome=outcome.name)

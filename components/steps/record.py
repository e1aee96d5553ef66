"""Record how the run ended, whatever became of it."""

import os

from components.step import Step
from perennial.operations.runs import conclude


def record(task: str, run: str, told: str) -> None:
    """Write the run's outcome to the store and, where something was learnt, to MLflow.

    Where a step died without a word, the cluster is asked for the reason; ``told`` is what the pipeline itself knows of it.
    """
    with Step("record", task, run) as step:
        outcome = conclude(
            step.run,
            lambda: step.task,
            lambda: step.catalog,
            lambda: step.registry,
            lambda: _from_the_cluster(step) or " ".join(told.split()) or None,
        )
        step.done(outcome.name, outcome=outcome.name)


def _from_the_cluster(step: Step) -> str | None:
    if "KUBERNETES_SERVICE_HOST" not in os.environ:
        return None
    from perennial.operations.pods import why

    return why(step.run.id, step.settings.kfp_namespace)

"""The exit handler: record how the run ended, whatever became of it."""

from kfp import dsl

from components.base import component


@component
def record(task: str, run: str, status: dsl.PipelineTaskFinalStatus) -> None:
    """Write the run's outcome to the store and, where something was learnt, to MLflow."""
    from components.steps.record import record as write

    write(task, run, status.error_message or "")

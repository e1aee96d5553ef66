"""Judge challenger and champion on the same held-out images."""

from kfp import dsl

from components.base import component


@component
def evaluate(
    task: str, run: str, challenger: str, metrics: dsl.Output[dsl.Metrics], confusion: dsl.Output[dsl.ClassificationMetrics]
) -> None:
    """Write the evaluation, and the figures that KFP's page shows."""
    from components.step import Step
    from perennial.evaluation.backbones import prepare
    from perennial.evaluation.compare import evaluate as compare

    with Step("evaluate", task, run) as step:
        trained, backbone, threads = step.run.read("train"), step.run.read("embed")["backbone"], step.settings.inference_threads
        speed = prepare(step.task, step.catalog, backbone, trained["champion"], threads, progress=step.progress)
        evaluation = compare(
            step.task, step.catalog, challenger, trained["champion"], tuple(trained["batches"]), backbone_ms=speed
        )
        figures = evaluation.challenger
        for name in ("balanced_accuracy", "macro_f1", "top_3", "calibration_error"):
            metrics.log_metric(name, getattr(figures, name))
        confusion.log_confusion_matrix(list(step.task.classes), [list(row) for row in figures.confusion])
        step.done(f"balanced accuracy {figures.balanced_accuracy:.3f}", evaluation=evaluation.model_dump(mode="json"))

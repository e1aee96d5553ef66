"""The pod that makes a challenger and judges it: embed, train, evaluate and gate."""

from kfp import dsl

from components.base import component


@component
def learn(
    task: str,
    run: str,
    metrics: dsl.Output[dsl.Metrics],
    confusion: dsl.Output[dsl.ClassificationMetrics],
    page: dsl.Output[dsl.HTML],
) -> bool:
    """Return whether there is a challenger that may be deployed; the artifacts are what KFP's page shows of it."""
    from pathlib import Path

    from components.steps.embed import embed
    from components.steps.evaluate import evaluate
    from components.steps.gate import gate
    from components.steps.train import train

    embed(task, run)
    trained = train(task, run)
    if trained["challenger"] is None:
        Path(page.path).write_text(f"<p>{trained['sentence']}</p>", encoding="utf-8")
        return False
    evaluation = evaluate(task, run)
    judged = gate(task, run, evaluation)
    figures = evaluation.challenger
    for name in ("balanced_accuracy", "macro_f1", "top_3", "calibration_error"):
        metrics.log_metric(name, getattr(figures, name))
    confusion.log_confusion_matrix(list(evaluation.classes), [list(row) for row in figures.confusion])
    Path(page.path).write_text(judged["page"], encoding="utf-8")
    return judged["verdict"]["outcome"] == "promote"

"""Judge challenger and champion on the same held-out images."""

from components.step import Step
from perennial.evaluation.backbones import prepare
from perennial.evaluation.compare import evaluate as compare
from perennial.evaluation.figures import Evaluation


def evaluate(task: str, run: str) -> Evaluation:
    """Compare the run's challenger with the champion that it came from."""
    with Step("evaluate", task, run) as step:
        if facts := step.over():
            return Evaluation.model_validate(facts["evaluation"])
        trained, backbone, threads = step.run.read("train"), step.run.read("embed")["backbone"], step.settings.inference_threads
        challenger, champion, batches = trained["challenger"], trained["champion"], tuple(trained["batches"])
        speed = prepare(step.task, step.catalog, backbone, champion, threads, progress=step.progress)
        evaluation = compare(step.task, step.catalog, challenger, champion, batches, backbone_ms=speed)
        sentence = f"balanced accuracy {evaluation.challenger.balanced_accuracy:.3f}"
        step.done(sentence, evaluation=evaluation.model_dump(mode="json"))
    return evaluation

"""Train the backbone further, on a GPU where there is one."""

from dataclasses import asdict
from typing import Any

from components.step import Step
from perennial.backbones.export import ensure
from perennial.learning.finetune import finetune as train_further
from perennial.learning.tuned import request_for


def finetune(task: str, run: str) -> dict[str, Any]:
    """Make the backbone that the rest of the run embeds and trains with; the base itself where training made it worse."""
    with Step("finetune", task, run) as step:
        if facts := step.over():
            return facts
        request = request_for(step.task.name, step.objects)
        base = step.run.read("label")["backbone"] or ensure(step.task.backbone, step.objects)
        tuned = train_further(step.task, step.catalog, base, threads=step.settings.inference_threads, progress=step.progress)
        return step.done(tuned.sentence, **asdict(tuned), request=request["id"] if request else None)

"""Ask for the fine-tuning of a backbone: the gate does, or an operator."""

import secrets

from perennial.catalog.objects import Objects
from perennial.errors import TaskError
from perennial.learning.tuned import request_for, request_key
from perennial.operations.runs import reopen
from perennial.task import Task


def ask(task: Task, objects: Objects, why: str) -> None:
    """Have the next run fine-tune the task's backbone, also where nothing is new; asking twice is asking once.

    Raises:
        TaskError: the task's file says that it never is.
    """
    if task.finetune.when == "never":
        raise TaskError(f"The backbone of task '{task.name}' is never fine-tuned. Set finetune.when to asked, then ask again.")
    objects.create_json(request_key(task.name), {"id": secrets.token_hex(6), "why": why})
    request = request_for(task.name, objects)
    if request is not None:
        reopen(objects, task.name, f"finetune-{request['id']}")

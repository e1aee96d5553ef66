"""Which definition of its task a run goes by: one throughout, even where a newer one is given to another run meanwhile.

``tasks/<task>.yaml`` in the store is the newest one that a run was given; ``runs/<task>/<run>/task.yaml`` is the run's own.
"""

from pathlib import Path

from perennial.catalog.objects import Objects
from perennial.errors import ObjectMissing, TaskError
from perennial.operations.facts import RunFolder
from perennial.task import Task, load_task, parse_task, task_text

RUN_FILE = "task.yaml"


def settle(run: RunFolder, definition: str, folder: Path) -> Task:
    """Settle a run's definition: the one given as YAML or JSON text, else the present one of its task.

    What was settled stays, so that a second attempt goes by the same.

    Raises:
        TaskError: it is wrong, is of another task, or none is given and there is none.
    """
    settled = _kept(run.objects, run.key(RUN_FILE))
    if settled:
        return settled
    if definition:
        task = parse_task(definition, f"The given definition of the task {run.task}")
        if task.name != run.task:
            raise TaskError(f"The given definition is of the task {task.name}, not of {run.task}. Give the run the right one.")
        _keep(run.objects, definition_key(run.task), definition)
    else:
        task = present(run.task, run.objects, folder)
    run.objects.put(run.key(RUN_FILE), task_text(task).encode())
    return task


def of_run(run: RunFolder, folder: Path) -> Task:
    """Return a run's definition, or its task's present one where the run ended before it had one.

    Raises:
        TaskError: there is none, or it is wrong.
    """
    return _kept(run.objects, run.key(RUN_FILE)) or present(run.task, run.objects, folder)


def present(name: str, objects: Objects, folder: Path) -> Task:
    """Return a task by its file in ``folder``, else as the last run was given it, else among the bundled ones.

    Raises:
        TaskError: there is none, or it is wrong.
    """
    own = folder / f"{name}.yaml"
    kept = None if own.is_file() else _kept(objects, definition_key(name))
    return kept or load_task(name, folder)


def definition_key(task: str) -> str:
    """Return the key under which the store has a task's definition."""
    return f"tasks/{task}.yaml"


def _kept(objects: Objects, key: str) -> Task | None:
    try:
        text = objects.get(key)
    except ObjectMissing:
        return None
    return parse_task(text.decode("utf-8", "replace"), f"{key} in {objects.url}")


def _keep(objects: Objects, key: str, text: str) -> None:
    """Write a text unless it stands there already: a versioned bucket keeps every write."""
    try:
        same = objects.get(key) == text.encode()
    except ObjectMissing:
        same = False
    if not same:
        objects.put(key, text.encode())

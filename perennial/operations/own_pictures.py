"""A task for a folder of one's own pictures."""

from pathlib import Path

from pydantic import ValidationError

from perennial.errors import TaskError
from perennial.rules import FolderRule
from perennial.sources.folder import survey
from perennial.task import BackboneSpec, FolderSource, Task, load_task, save_task


def task_from_folder(name: str, folder: Path, *, network: str, weights: str, tasks: Path) -> tuple[Path, dict[str, int]]:
    """Write ``tasks/NAME.yaml`` for a folder with a subfolder of pictures for each class; return its path and the counts.

    Where the task exists already and reads that folder, classes that are new are added and the rest stays as it is.

    Raises:
        TaskError: the name isn't allowed, or is taken by a task that doesn't read this folder.
        SourceError: the folder isn't there, or holds no pictures of two classes.
    """
    source = FolderSource(type="folder", path=folder.resolve())
    counts = {cls: count for cls, count in survey(source.path).items() if count}
    path = tasks / f"{name}.yaml"
    if path.is_file():
        task = _with_new_classes(load_task(name, tasks), source, tuple(counts), path)
    else:
        task = _new(name, source, tuple(counts), BackboneSpec(network=network, weights=_absolute(weights)))
    save_task(task, path)
    return path, counts


def _new(name: str, source: FolderSource, classes: tuple[str, ...], backbone: BackboneSpec) -> Task:
    try:
        return Task(name=name, classes=classes, label=FolderRule(rule="folder"), sources=(source,), backbone=backbone)
    except ValidationError as error:
        mistake = error.errors()[0]
        raise TaskError(
            f"'{name}' can't be a task's {'.'.join(map(str, mistake['loc']))}: {mistake['msg'].lower()}. "
            "Names have small letters, digits and hyphens."
        ) from None


def _with_new_classes(task: Task, source: FolderSource, classes: tuple[str, ...], path: Path) -> Task:
    if source not in task.sources:
        raise TaskError(f"{path} exists and doesn't read {source.path}. Choose another name, or remove that file first.")
    return task.model_copy(update={"classes": (*task.classes, *(cls for cls in classes if cls not in task.classes))})


def _absolute(weights: str) -> str:
    """Return a weights file by its whole path, since a task is read from anywhere."""
    return str(Path(weights).resolve()) if weights.endswith((".safetensors", ".pth")) else weights

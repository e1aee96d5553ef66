"""A task for a folder of one's own pictures."""

from pathlib import Path

from pydantic import ValidationError

from perennial.errors import TaskError
from perennial.rules import FolderRule
from perennial.sources.folder import survey
from perennial.task import BackboneSpec, FolderSource, Task, add_classes, load_task, save_task


def task_from_folder(name: str, folder: Path, *, network: str, weights: str, tasks: Path) -> tuple[Path, dict[str, int]]:
    """Write ``tasks/NAME.yaml`` for a folder with a subfolder of pictures for each class; return its path and the counts.

    Where the task exists already and reads that folder, classes that are new are added and the rest stays as it is, comments
    too; where there are none, the file isn't touched. An empty network or weights stand for the task's own, or for the defaults.

    Raises:
        TaskError: the name isn't allowed, or is taken by a task that doesn't read this folder or has another backbone.
        SourceError: the folder isn't there, or holds no pictures of two classes.
    """
    source = FolderSource(type="folder", path=folder.resolve())
    counts = {cls: count for cls, count in survey(source.path).items() if count}
    path = tasks / f"{name}.yaml"
    asked = {"network": network} if network else {}
    asked |= {"weights": _absolute(weights)} if weights else {}
    if not path.is_file():
        save_task(_new(name, source, tuple(counts), BackboneSpec(**asked)), path)
        return path, counts
    task = load_task(name, tasks)
    own = task.backbone
    if asked.items() - {"network": own.network, "weights": own.weights}.items():
        raise TaskError(
            f"{path} has the backbone {own.network} with the weights {own.weights}. Change them there, or choose another name."
        )
    if source not in task.sources:
        raise TaskError(f"{path} exists and doesn't read {source.path}. Choose another name, or remove that file first.")
    if added := [cls for cls in counts if cls not in task.classes]:
        add_classes(path, added)
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


def _absolute(weights: str) -> str:
    """Return a weights file by its whole path, since a task is read from anywhere."""
    return str(Path(weights).resolve()) if weights.endswith((".safetensors", ".pth")) else weights

"""Task files: found by name, read with sentences about what is wrong, and written."""

import difflib
import math
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from perennial.errors import TaskError
from perennial.rules import FolderRule
from perennial.task.definition import Task

BUNDLED = resources.files("perennial") / "tasks"


def load_task(name: str, folder: Path = Path("tasks")) -> Task:
    """Read a task by its file, or by its name in ``folder`` or among the bundled tasks.

    Raises:
        TaskError: there is no such file, or it is wrong; the text names file, key and fix.
    """
    path = _find(name, folder)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TaskError(f"{path} can't be read as YAML: {' '.join(str(error).split())}. Correct the file.") from None
    return parse_task(text, str(path))


def parse_task(text: str, where: str) -> Task:
    """Read a task from YAML or JSON; ``where`` says in errors whose text it is.

    Raises:
        TaskError: it is wrong; the text names ``where``, key and fix.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise TaskError(f"{where} can't be read as YAML: {' '.join(str(error).split())}. Correct the file.") from None
    if not isinstance(document, dict):
        raise TaskError(f"{where} holds no task: a task file is a map with the keys {', '.join(Task.model_fields)}.")
    try:
        return Task.model_validate(document)
    except ValidationError as error:
        raise TaskError(f"{where}: {_explain(error)}") from None


def save_task(task: Task, path: Path) -> None:
    """Write a task file with what differs from the defaults."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, task_text(task))


def add_classes(path: Path, added: Sequence[str]) -> None:
    """Add classes at the end of the list in a task's file; all else stays as somebody wrote it, comments too.

    Raises:
        TaskError: the list is written in a way that this can't add to; the file isn't touched.
    """
    text = path.read_text(encoding="utf-8")
    task = parse_task(text, str(path))
    document: Any = yaml.compose(text, yaml.SafeLoader)
    listed = next(value for key, value in document.value if key.value == "classes")
    names = [yaml.safe_dump([name], default_flow_style=True, allow_unicode=True, width=math.inf)[1:-2] for name in added]
    at = listed.value[-1].end_mark.index
    if listed.flow_style:
        more = "".join(f", {name}" for name in names)
    else:
        at = text.find("\n", at) if "\n" in text[at:] else len(text)
        more = "".join(f"\n{' ' * listed.start_mark.column}- {name}" for name in names)
    changed = text[:at] + more + text[at:]
    if parse_task(changed, str(path)) != task.model_copy(update={"classes": (*task.classes, *added)}):
        raise TaskError(f"{path} lists its classes in a way that can't be added to. Add them there: {', '.join(names)}.")
    _write(path, changed)


def task_text(task: Task) -> str:
    """Return a task as YAML, with what differs from the defaults."""
    return yaml.safe_dump(task.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True)


def _write(path: Path, text: str) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _find(name: str, folder: Path) -> Any:
    if name.endswith((".yaml", ".yml")):
        if not Path(name).is_file():
            raise TaskError(f"There is no task file {name}. Give the name of a task or the path of its YAML file.")
        return Path(name)
    own, bundled = folder / f"{name}.yaml", BUNDLED / f"{name}.yaml"
    if own.is_file():
        return own
    if re.fullmatch(r"[a-z0-9-]+", name) and bundled.is_file():
        return bundled
    known = sorted(
        {path.stem for path in folder.glob("*.yaml")} | {p.name[:-5] for p in BUNDLED.iterdir() if p.name.endswith(".yaml")}
    )
    raise TaskError(
        f"There is no task '{name}' in {folder} or among the bundled ones. Known tasks: {', '.join(known)}. "
        f"Write one with 'perennial init {name} --from-folder DIR'."
    )


def _explain(error: ValidationError) -> str:
    """Say each mistake with its key and the fix."""
    sentences = []
    for mistake in error.errors():
        key = ".".join(str(part) for part in mistake["loc"] if part not in FolderRule.model_fields)
        if mistake["type"] == "extra_forbidden":
            sentences.append(f"the key '{key}' is unknown{_suggest(mistake['loc'])}")
        elif mistake["type"] == "missing":
            sentences.append(f"the key '{key}' is missing; add it")
        elif mistake["type"] == "value_error":
            sentences.append(f"{key + ': ' if key else ''}{mistake['ctx']['error']}")
        else:
            sentences.append(f"the key '{key}' has the value {mistake['input']!r}: {mistake['msg'].lower()}")
    return "; ".join(sentences) + "."


def _suggest(location: tuple[int | str, ...]) -> str:
    part = Task.model_fields[str(location[0])].annotation if len(location) > 1 else Task
    if str(location[0]) in ("sources", "label"):
        return "; remove it"
    known = part.model_fields if isinstance(part, type) and issubclass(part, BaseModel) else {}
    close = difflib.get_close_matches(str(location[-1]), known, 1)
    return f"; did you mean '{close[0]}'?" if close else f"; known keys: {', '.join(known)}"

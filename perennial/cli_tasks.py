"""What commands share: which task one is about, where its state lies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perennial.catalog.objects import Objects
from perennial.catalog.stores import local_root
from perennial.errors import TaskError
from perennial.settings import Settings
from perennial.task import Task, load_task

if TYPE_CHECKING:
    from perennial.catalog.catalog import Catalog

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="A task's name, or the path of its YAML file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")]

DEMO = "demo"
"""The bundled task whose state lies apart, so that its story can start afresh without touching anything else; not in a bucket."""


def load(name: str) -> tuple[Settings, Task]:
    """Read the settings and a task; a task given by its path brings its folder along, for the steps to find it in."""
    settings = Settings.load()
    if name == DEMO and not settings.store.startswith("s3://") and not (settings.tasks / f"{DEMO}.yaml").is_file():
        settings = settings.apart(DEMO)
    task = load_task(name, settings.tasks)
    if name.endswith((".yaml", ".yml")):
        settings = Settings.load(tasks=Path(name).resolve().parent)
    return settings, task


def load_or_find(name: str) -> tuple[Settings, Task]:
    """Where no task is named, take the one that there is."""
    if name:
        return load(name)
    settings = Settings.load()
    found = tasks_that_ran(settings)
    if not found and settings.apart(DEMO).home.is_dir():
        found = {DEMO}
    if len(found) != 1:
        raise TaskError(
            f"Name a task: runs of {', '.join(sorted(found)) or 'none'} are known here. Start one with 'perennial run TASK'."
        )
    return load(found.pop())


def with_state() -> Settings:
    """Return the settings, or those of the bundled task's state where nothing else ever ran here."""
    settings = Settings.load()
    alone = not tasks_that_ran(settings) and settings.apart(DEMO).home.is_dir()
    return settings.apart(DEMO) if alone else settings


def tasks_that_ran(settings: Settings) -> set[str]:
    """Return the names of the tasks of which there are runs; no folder is made to look for them."""
    root = local_root(settings.store_url)
    if root and not root.is_dir():
        return set()
    return {key.split("/")[1] for key in Objects.open(settings.store_url).keys("runs")}


def open_catalog(settings: Settings) -> "Catalog":
    """Open the catalog of the settings' store."""
    from perennial.catalog.catalog import Catalog

    return Catalog.open(Objects.open(settings.store_url))

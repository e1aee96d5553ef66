"""What the sources of tasks are at: what is on, how the last runs went, and whether their sites are still what they were."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from perennial.catalog.objects import Objects
from perennial.errors import SourceError, TaskError
from perennial.settings import Settings
from perennial.sources.fill import alarm, rates
from perennial.sources.posts import Source
from perennial.sources.probe import Finding, probe
from perennial.sources.scrape import open_source
from perennial.task import SourceSpec, Task

HOSTS = "sources/hosts"


@dataclass(frozen=True)
class SourceFacts:
    """One source of a task; ``name`` is what 'perennial sources check' calls it.

    ``off`` says why it isn't on, ``watermark`` up to which day it was read, ``last`` how its last run ended, ``fill`` which share
    of its posts says which field.
    """

    task: str
    name: str
    type: str
    where: str
    off: str = ""
    key: str = ""
    watermark: str = ""
    last: dict[str, Any] = field(default_factory=dict)
    fill: dict[str, float] = field(default_factory=dict)
    alarm: str = ""

    @property
    def trouble(self) -> str:
        """What a person should look at: why it is off, how its last run failed, or what isn't found any more."""
        failed = self.last.get("sentence", "") if self.last.get("status") not in (None, "done") else ""
        return "; ".join(sentence for sentence in (self.off, failed, *self.last.get("notes", ())) if sentence) or self.alarm


def overview(tasks: Iterable[Task], settings: Settings, objects: Objects) -> list[SourceFacts]:
    """Return what is known of each source of the tasks."""
    return [_facts(task, index, spec, settings, objects) for task in tasks for index, spec in enumerate(task.sources, 1)]


def hosts(objects: Objects, today: str) -> list[dict[str, Any]]:
    """Return each host that was ever asked: requests of ``today`` (UTC), and until when and why it is left alone."""
    found = []
    for key in sorted(objects.keys(HOSTS)):
        document = objects.get_json(key)
        requests = document.get("requests", 0) if document.get("day") == today else 0
        resting = {"until": document["until"], "why": document.get("why", "")} if document.get("until", 0.0) > time.time() else {}
        found.append({"host": key.removeprefix(f"{HOSTS}/").removesuffix(".json"), "requests_today": requests, **resting})
    return found


def check(name: str, tasks: Iterable[Task], settings: Settings, objects: Objects) -> list[tuple[str, list[Finding]]]:
    """Ask the sources that ``name`` means for a page of each kind, and return what was found, by source.

    A name is a task's, a task's with the number of its source, such as regions/1, or a source's type.

    Raises:
        TaskError: no source is called that.
        SourceError: one is away, or it is the only one and off.
    """
    specs = [(task, index, spec) for task in tasks for index, spec in enumerate(task.sources, 1)]
    meant = [found for found in specs if name in (found[0].name, f"{found[0].name}/{found[1]}")]
    if not meant:
        meant = [found for found in specs if name == found[2].type][:1]
    if not meant:
        known = ", ".join(dict.fromkeys(f"{task.name}/{index} ({spec.type})" for task, index, spec in specs)) or "none"
        raise TaskError(f"No source is called '{name}'. Name a task, or one of these: {known}.")
    found = []
    for task, index, spec in meant:
        try:
            source = _opened(task, spec, settings, objects)
        except SourceError as error:
            if len(meant) == 1:
                raise
            found.append((f"{task.name}/{index}", [Finding("source", "off", str(error))]))
            continue
        try:
            found.append((f"{task.name}/{index}", probe(source)))
        finally:
            source.close()
    return found


def as_facts(found: SourceFacts) -> dict[str, Any]:
    """Return a source's facts as JSON has them."""
    return {**asdict(found), "on": not found.off, "trouble": found.trouble}


def _facts(task: Task, index: int, spec: SourceSpec, settings: Settings, objects: Objects) -> SourceFacts:
    where = str(getattr(spec, "base_url", "") or getattr(spec, "path", "") or spec.type)
    name = f"{task.name}/{index}"
    try:
        source = _opened(task, spec, settings, objects)
    except SourceError as error:
        return SourceFacts(task.name, name, spec.type, where, off=str(error))
    source.close()
    key = f"sources/{source.key}.json"
    document = objects.get_json(key) if objects.exists(key) else {}
    return SourceFacts(
        task.name,
        name,
        spec.type,
        where,
        key=source.key,
        watermark=document.get("watermark", ""),
        last=document.get("last", {}),
        fill=rates(document.get("fill")),
        alarm=alarm(document.get("fill"), source.name),
    )


def _opened(task: Task, spec: SourceSpec, settings: Settings, objects: Objects) -> Source:
    return open_source(spec, objects, settings, alone=len(task.sources) == 1)


def task_files(folder: Path) -> list[str]:
    """Return the names of the tasks in a folder."""
    return sorted(path.stem for path in folder.glob("*.yaml"))

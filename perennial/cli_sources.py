"""The commands about sources: what they are at, and whether their sites are still what they were."""

import datetime
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from perennial.catalog.objects import Objects
from perennial.cli_tasks import Json, load, tasks_that_ran, with_state
from perennial.errors import TaskError
from perennial.settings import Settings
from perennial.task import Task, load_task
from perennial.terminal import console, show, show_json

LIST = "list"


class _ListUnlessTold(TyperGroup):
    """'perennial sources TASK' is short for 'perennial sources list TASK'."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        told = bool(args) and (args[0] in self.commands or args[0] in ("-h", "--help"))
        return super().parse_args(ctx, args if told else [LIST, *args])


app = typer.Typer(cls=_ListUnlessTold, help="Say what the sources are at: what is on, last runs, what their posts say.")


@app.command(LIST)
def list_sources(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="By default all tasks that there are here.")] = "",
    as_json: Json = False,
) -> None:
    """List sources: whether they are on, how their last runs went, what their posts say, what is wrong."""
    from perennial.operations.sources import as_facts, hosts, overview

    settings, tasks = _tasks(task)
    objects = Objects.open(settings.store_url)
    found = overview(tasks, settings, objects)
    asked = hosts(objects, f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}")
    if as_json:
        show_json({"sources": [as_facts(source) for source in found], "hosts": asked})
        return
    rows = []
    for source in found:
        fill = ", ".join(f"{name} {share:.0%}" for name, share in source.fill.items())
        ran = f"{source.last.get('at', '')[:16].replace('T', ' ')} {source.last.get('status', '')}".strip()
        rows.append((source.name, source.type, "off" if source.off else "on", ran, source.watermark, fill))
    show(("source", "type", "", "last run (UTC)", "read up to", "posts that say"), rows)
    if asked:
        show(("host", "requests today", "left alone"), [(h["host"], h["requests_today"], h.get("why", "")) for h in asked])
    for source in found:
        if source.trouble:
            console.print(f"{source.name}: {source.trouble}", markup=False)


@app.command()
def check(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A task, one of its sources as TASK/1, or a type such as archdaily.")
    ],
    as_json: Json = False,
) -> None:
    """Look at one page of each kind and one picture, and say field by field what is still there; nothing is taken in.

    Exit code 1 where something is missing without which the source is of no use.
    """
    from perennial.operations.sources import check as look

    settings, tasks = _tasks(name.partition("/")[0], missing_ok=True)
    looked = look(name, tasks, settings, Objects.open(settings.store_url))
    if as_json:
        show_json(
            [{"source": source, **vars(finding), "missing": finding.missing} for source, found in looked for finding in found]
        )
    for source, found in looked if not as_json else ():
        rows = []
        for one in found:
            said = "missing!" if one.missing and one.essential else "missing" if one.missing else "found"
            rows.append((one.page, one.field, said, f"{one.found} of {one.of}" if one.of > 1 else "", one.value))
        console.print(source, markup=False)
        show(("page", "field", "", "", "value"), rows)
    if any(one.missing and one.essential for _, found in looked for one in found):
        raise typer.Exit(1)


def _tasks(name: str, *, missing_ok: bool = False) -> tuple[Settings, list[Task]]:
    """Return the settings and the task of a name, or all that are here, or the bundled ones."""
    if name:
        try:
            settings, task = load(name)
        except TaskError:
            if not missing_ok:
                raise
        else:
            return settings, [task]
    from perennial.operations.sources import task_files

    settings = with_state()
    here = sorted({*task_files(settings.tasks), *tasks_that_ran(settings)}) or ["regions", "demo"]
    tasks = []
    for one in here:
        try:
            tasks.append(load_task(one, settings.tasks))
        except TaskError as error:
            console.print(str(error), markup=False)
    return settings, tasks

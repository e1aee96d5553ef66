"""The commands about what waits for people: batches that the gate held, images without a label, what was refused."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from perennial.cli_tasks import Json, TaskName, load, open_catalog, with_state
from perennial.task import Task
from perennial.terminal import console, show, show_json

if TYPE_CHECKING:
    from perennial.catalog.catalog import Catalog

review = typer.Typer(no_args_is_help=True, help="Settle what waits for a person.")
Batch = Annotated[str, typer.Argument(help="The batch's id, or its beginning.")]
Image = Annotated[str, typer.Argument(help="The image's id, or its beginning.")]
Value = Annotated[str, typer.Argument(help="As 'review list' shows it, in any case.")]
Refused = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Ids from 'review quarantine', or their beginnings.")]
Class = Annotated[str, typer.Argument(metavar="CLASS", help="One of the task's classes.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file.")]
SHORT = 12


@review.command("list")
def review_list(task: TaskName, as_json: Json = False) -> None:
    """List what waits: batches, unknown values with an example each, and how much lies in quarantine."""
    from perennial.catalog.quarantine import counts
    from perennial.operations.unknown import grouped, waiting

    loaded, catalog = _open(task)
    held = [batch for batch in catalog.batches(loaded.name) if batch.status == "held"]
    rows = waiting(catalog, loaded.name, silent=True)
    groups, silent = grouped([row for row in rows if row["value"]]), sum(not row["value"] for row in rows)
    refused = counts(catalog.objects)
    if as_json:
        batches = [{"batch": b.id, "images": b.images, "first": b.first, "last": b.last, "reason": b.reason} for b in held]
        show_json({"batches": batches, "unknown": [asdict(one) for one in groups], "silent": silent, "quarantine": refused})
        return
    if held:
        show(("batch", "images", "from", "to", "reason"), [(b.id[:SHORT], b.images, b.first, b.last, b.reason) for b in held])
    if groups:
        shown = [(one.value, one.images, one.image[:SHORT], one.title, one.url) for one in groups]
        show(("unknown value", "images", "such as", "title", "from"), shown)
    if refused:
        show(("quarantine of", "refused"), refused.items())
    if silent:
        console.print(f"{silent} images have no label, since their source said nothing; they need no answer.", markup=False)
    if not held and not groups:
        console.print(f"Nothing of {loaded.name} waits for a decision.", markup=False)


@review.command()
def approve(task: TaskName, batch: Batch) -> None:
    """Let a held batch be learnt by the next run."""
    _settle(task, batch, "open")


@review.command()
def reject(task: TaskName, batch: Batch) -> None:
    """Never learn a held batch."""
    _settle(task, batch, "rejected")


@review.command()
def unknown(
    task: TaskName,
    silent: Annotated[bool, typer.Option("--silent", help="Those too of which their source said nothing.")] = False,
    as_json: Json = False,
) -> None:
    """List the images whose label is unknown, each with the value that the task's rule doesn't know."""
    from perennial.operations.unknown import waiting

    loaded, catalog = _open(task)
    columns = ("id", "value", "place", "published", "title", "url")
    rows = [{name: row[name] for name in columns} for row in waiting(catalog, loaded.name, silent=silent)]
    if as_json:
        show_json(rows)
        return
    show(("image", *columns[1:]), [(row["id"][:SHORT], *(row[name] for name in columns[1:])) for row in rows])


@review.command("label")
def label_one(task: TaskName, image: Image, cls: Class) -> None:
    """Say what one image shows; the next run learns it."""
    from perennial.operations.unknown import label_image

    loaded, catalog = _open(task)
    _labelled(label_image(catalog, loaded, image, cls))


@review.command()
def value(task: TaskName, value: Value, cls: Class) -> None:
    """Say what all images show that wait with one value; the next run learns it."""
    from perennial.operations.unknown import label_value

    loaded, catalog = _open(task)
    _labelled(label_value(catalog, loaded, value, cls))
    key = "also" if loaded.label.rule == "country" else "map" if isinstance(getattr(loaded.label, "map", ""), dict) else ""
    if key:
        console.print(f"To label later images so too, write '{value}: {cls}' under label.{key} in the task file.", markup=False)


@review.command("export")
def export(
    task: TaskName,
    file: File,
    values: Annotated[bool, typer.Option("--values", help="A row for each value, not for each image.")] = False,
    silent: Annotated[bool, typer.Option("--silent", help="Those too of which their source said nothing.")] = False,
) -> None:
    """Write what is unknown as a table whose column 'class' is to be filled in."""
    from perennial.operations.review_table import export_table

    loaded, catalog = _open(task)
    rows = export_table(catalog, loaded, file, values=values, silent=silent)
    console.print(f"{file}: {rows} rows. Fill in 'class', then: perennial review import {task} {file}", markup=False)


@review.command("import")
def import_(task: TaskName, file: File) -> None:
    """Take the classes of a table that was filled in: all, or none where a row is wrong; the next run learns them."""
    from perennial.operations.review_table import import_table

    loaded, catalog = _open(task)
    _labelled(import_table(catalog, loaded, file))


@review.command("quarantine")
def quarantine_list(
    source: Annotated[str, typer.Option(help="Only what came from this source.")] = "", as_json: Json = False
) -> None:
    """List what was refused, with the reasons."""
    from perennial.catalog.quarantine import quarantined

    records = quarantined(open_catalog(with_state()).objects, source)
    if as_json:
        show_json([asdict(record) for record in records])
        return
    shown = [(one.digest[:SHORT], one.source, one.name, one.size, one.reason) for one in records]
    show(("id", "source", "name", "bytes", "reason"), shown)


@review.command()
def drop(ids: Refused = None, source: Annotated[str, typer.Option(help="All that came from this source.")] = "") -> None:
    """Delete refused things for good."""
    from perennial.operations.review import drop as drop_them

    dropped = drop_them(open_catalog(with_state()), ids or [], source)
    console.print(f"{dropped} dropped from quarantine.", markup=False)


def _open(task: str) -> "tuple[Task, Catalog]":
    settings, loaded = load(task)
    return loaded, open_catalog(settings)


def _labelled(images: int) -> None:
    said = f"{images} images labelled; the next run learns them." if images else "All of that was said before."
    console.print(said, markup=False)


def _settle(task: str, prefix: str, status: Literal["open", "rejected"]) -> None:
    from perennial.operations.review import settle

    loaded, catalog = _open(task)
    batch = settle(catalog, loaded.name, prefix, status)
    console.print(f"Batch {batch[:SHORT]} is {status}.", markup=False)

"""The commands about the catalog, and about batches that the gate held."""

from typing import Annotated, Literal

import typer

from perennial.cli_tasks import Json, TaskName, load, open_catalog
from perennial.settings import Settings
from perennial.terminal import console, show, show_json

catalog = typer.Typer(no_args_is_help=True, help="Look into the catalog.")
review = typer.Typer(no_args_is_help=True, help="Settle batches that the gate held.")
Batch = Annotated[str, typer.Argument(help="The batch's id, or its beginning.")]


@catalog.command()
def sql(
    query: Annotated[str, typer.Argument(help='Such as "select source, count(*) from images group by source".')],
    as_json: Json = False,
) -> None:
    """Query the tables images, labels, embeddings, predictions and feedback."""
    table = open_catalog(Settings.load()).sql(query)
    if as_json:
        show_json(table.to_pylist())
        return
    show(table.column_names, [tuple(row.values()) for row in table.to_pylist()])


@review.command("list")
def review_list(task: TaskName, as_json: Json = False) -> None:
    """List the batches that wait for a decision."""
    settings, loaded = load(task)
    held = [batch for batch in open_catalog(settings).batches(loaded.name) if batch.status == "held"]
    if as_json:
        show_json(
            [{"batch": b.id, "images": b.images, "first": str(b.first), "last": str(b.last), "reason": b.reason} for b in held]
        )
        return
    show(("batch", "images", "from", "to", "reason"), [(b.id[:12], b.images, b.first, b.last, b.reason) for b in held])


@review.command()
def approve(task: TaskName, batch: Batch) -> None:
    """Let a held batch be learnt by the next run."""
    _settle(task, batch, "open")


@review.command()
def reject(task: TaskName, batch: Batch) -> None:
    """Never learn a held batch."""
    _settle(task, batch, "rejected")


def _settle(task: str, prefix: str, status: Literal["open", "rejected"]) -> None:
    from perennial.operations.review import settle

    settings, loaded = load(task)
    batch = settle(open_catalog(settings), loaded.name, prefix, status)
    console.print(f"Batch {batch[:12]} is {status}.", markup=False)

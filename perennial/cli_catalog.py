"""The commands about the catalog."""

from typing import Annotated

import typer

from perennial.cli_tasks import Json, open_catalog
from perennial.settings import Settings
from perennial.terminal import show, show_json

catalog = typer.Typer(no_args_is_help=True, help="Look into the catalog.")


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

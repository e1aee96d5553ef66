"""The command that takes in what is dropped into the inbox."""

from typing import Annotated

import typer

from perennial.cli_tasks import Json, open_catalog
from perennial.errors import SettingsError
from perennial.settings import Settings
from perennial.terminal import console, show_json

_FOLDER_EVERY, _BUCKET_EVERY = "1s", "5s"


def inbox(
    once: Annotated[bool, typer.Option("--once", help="Take in what is there, and end.")] = False,
    every: Annotated[
        str, typer.Option(metavar="TIME", help="How often to look through it: 5s, 1m. By default 1s in a folder, 5s in a bucket.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Take pictures that are dropped below inbox/ of the store into the catalog, as they come."""
    from perennial.sources.inbox.taking import Taker

    settings = Settings.load()
    catalog = open_catalog(settings)
    if once:
        took = Taker(catalog, grace_s=0).take_all()
        console.print(f"inbox: {took.sentence}", markup=False)
        if as_json:
            show_json({"taken": took.taken, "new": took.new, "refused": took.refused, "amended": took.amended, "left": took.left})
        return
    if as_json:
        raise SettingsError("--json prints what was taken in at the end: add --once.")
    from perennial.sources.inbox.service import serve
    from pipelines.repeat import interval

    seconds = interval(every or (_FOLDER_EVERY if catalog.objects.is_local else _BUCKET_EVERY))
    serve(settings, catalog, seconds, lambda line: console.print(f"inbox: {line}", markup=False))

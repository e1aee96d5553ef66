"""``perennial serve``, ``fetch`` and ``predict``: an endpoint of this machine, and asking one."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perennial.cli_tasks import Json, TaskName, load
from perennial.errors import EndpointError
from perennial.settings import Settings
from perennial.task import NAME
from perennial.terminal import console, show_json

if TYPE_CHECKING:
    from perennial.serving.address import Address


def serve(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="A task's name, or the path of its YAML file.")] = "",
    endpoint: Annotated[
        str, typer.Option(metavar="NAME", help="Instead of a task: an endpoint, which may have no release yet.")
    ] = "",
    release: Annotated[
        str, typer.Option(metavar="DIGEST", help="With --endpoint: this release alone, as each colour on a cluster.")
    ] = "",
) -> None:
    """Answer inference calls for an endpoint, on loopback unless PERENNIAL_HOST says otherwise."""
    from perennial.serving.server import serve as serve_endpoint

    if bool(task) == bool(endpoint) or (release and task):
        raise EndpointError(
            "Say what to serve: 'perennial serve TASK' or 'perennial serve --endpoint NAME', which takes a '--release DIGEST'."
        )
    if endpoint and not re.fullmatch(NAME, endpoint):
        raise EndpointError(f"'{endpoint}' names no endpoint: names have small letters, digits and hyphens.")
    if endpoint:
        serve_endpoint(endpoint, Settings.load(), empty=not release, release=release or None, ready=_say)
        return
    settings, loaded = load(task)
    serve_endpoint(loaded.endpoint_name, settings, ready=_say)


def fetch(
    endpoint: Annotated[str, typer.Option(metavar="NAME", help="An endpoint.")],
    release: Annotated[str, typer.Option(metavar="DIGEST", help="One of its releases.")],
) -> None:
    """Fetch a release and its backbones to this machine, so that serving it needs no store."""
    from perennial.serving.fetching import fetch as fetch_release

    fetched = fetch_release(Settings.load().store_url, endpoint, release)
    backbones = f"{len(fetched.backbones)} backbone{'s' if len(fetched.backbones) != 1 else ''}"
    where = f"{fetched.folder}, {fetched.bytes / 1e6:.1f} MB"
    console.print(f"{endpoint}: release {release[:12]} and {backbones} are here ({where}).", markup=False, soft_wrap=True)


def predict(
    task: TaskName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Pictures.")],
    explain: Annotated[bool, typer.Option("--explain", help="Say which training images are nearest.")] = False,
    overlay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to save the one picture with what spoke for its class, a JPEG.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask the running endpoint what the pictures show, and why."""
    from perennial import cli_predict

    settings, loaded = load(task)
    answers = cli_predict.ask(loaded, settings, files, explain=explain, overlay=overlay)
    if as_json:
        show_json(answers)
        return
    for line in cli_predict.lines(answers):
        typer.echo(line)


def _say(address: "Address") -> None:
    console.print(f"The endpoint is at {address.url}, gRPC at {address.grpc}; Ctrl-C ends it.", markup=False, soft_wrap=True)

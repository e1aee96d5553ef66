"""The commands about what people say of pictures."""

from typing import Annotated, Any, Literal

import typer

from perennial.cli_tasks import Json, load, open_catalog, with_state
from perennial.settings import Settings
from perennial.terminal import console, show, show_json

app = typer.Typer(no_args_is_help=True, help="Look through what people say about pictures, and let it be learnt.")

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of pieces of feedback, or their beginnings.")]
OfTask = Annotated[str, typer.Option("--task", metavar="TASK", help="Take only this task's.")]
_SHORT = 12


@app.command("list")
def list_feedback(
    task: Annotated[str, typer.Argument(metavar="[TASK]", help="By default all tasks.")] = "",
    state: Annotated[Literal["pending", "approved", "rejected", "all"], typer.Option(help="Which to list.")] = "pending",
    as_json: Json = False,
) -> None:
    """List what people said, oldest first."""
    from perennial.operations.feedback import listed

    settings, name = _place(task)
    rows = listed(open_catalog(settings), name, None if state == "all" else state)
    if as_json:
        show_json(rows)
        return
    show(("id", "task", "says", "answered", "who", "at (UTC)", "picture", "state", "comment"), [_line(row) for row in rows])


@app.command()
def approve(ids: Ids, task: OfTask = "", as_json: Json = False) -> None:
    """Let the next run learn what people said."""
    from perennial.operations.feedback import approve as approve_them

    settings, name = _place(task)
    done = approve_them(open_catalog(settings), ids, settings.tasks, name)
    if as_json:
        show_json({one.task: one.images for one in done})
        return
    for one in done:
        console.print(one.sentence, markup=False)
    if not done:
        console.print("All of that was approved before.", markup=False)


@app.command()
def reject(
    ids: Ids,
    reason: Annotated[str, typer.Option(help="Why; it stands in the catalog.")],
    task: OfTask = "",
) -> None:
    """Never learn what people said."""
    from perennial.operations.feedback import reject as reject_them

    settings, name = _place(task)
    console.print(f"{reject_them(open_catalog(settings), ids, reason, name)} rejected.", markup=False)


@app.command()
def token(user: Annotated[str, typer.Argument(metavar="USER", help="Who it is for; it stands beside what they say.")]) -> None:
    """Make a user's token and print it, this once; an earlier one holds no more."""
    from perennial.serving.tokens import make_token

    settings = Settings.load()
    made = make_token(settings.tokens_file, user)
    console.print(f"The token of {user}, which can't be shown again; {settings.tokens_file} keeps its digest:", markup=False)
    typer.echo(made)


def _place(task: str) -> tuple[Settings, str]:
    """Return the settings under which a task's state lies, and its name."""
    if not task:
        return with_state(), ""
    settings, loaded = load(task)
    return settings, loaded.name


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    says = f"{row['cls']} (others disagree)" if row["conflict"] else row["cls"]
    picture = row["image"][:_SHORT] if row["image"] else "not kept"
    at = f"{row['at']:%Y-%m-%d %H:%M}"
    state = row["state"] + (f": {row['reason']}" if row["reason"] else "")
    about = (row["feedback"][:_SHORT], row["task"], says, row["predicted"] or "", row["who"], at, picture, state)
    return (*about, row["comment"] or "")

"""``perennial tidy``: retention."""

from typing import TYPE_CHECKING, Annotated

import typer

from perennial.cli_tasks import Json, with_state
from perennial.terminal import console, show, show_json

if TYPE_CHECKING:
    from perennial.operations.retention import Kind


def tidy(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go, and why the rest stays.")] = False,
    as_json: Json = False,
) -> None:
    """Delete and archive what is old and needed by nothing; settings say how old."""
    from perennial.operations.retention import tidy as expire

    settings = with_state()
    went: list[Kind] = []
    try:
        went.extend(expire(settings, dry_run=dry_run))
    finally:
        if as_json:
            show_json([kind.facts() for kind in went])
        elif rows := [_row(kind, dry_run) for kind in went if kind.count or kind.stays]:
            show(("kind", "what", "count", "MB", "oldest", "newest", "stay"), rows)
    if as_json:
        return
    if not any(kind.count for kind in went):
        console.print("Nothing is old enough to go.", markup=False)
    elif dry_run:
        console.print("Nothing was changed. Without --dry-run, all this goes.", markup=False)


def _row(kind: "Kind", dry_run: bool) -> tuple[str, ...]:
    stays = ", ".join(f"{count} {reason}" for reason, count in sorted(kind.stays.items()))
    what = f"would be {kind.does}" if dry_run else kind.does
    span = [f"{moment:%Y-%m-%d}" if moment else "" for moment in (kind.oldest, kind.newest)]
    return kind.name, what, str(kind.count), f"{kind.bytes / 1e6:.1f}", *span, stays

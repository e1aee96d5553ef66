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

    went: list[Kind] = []
    try:
        went.extend(expire(with_state(), dry_run=dry_run))
    finally:
        if as_json:
            show_json([kind.facts() for kind in went])
        else:
            show(
                ("kind", "what", "count", "MB", "oldest", "newest", "stay"),
                [_row(kind, dry_run) for kind in went if kind.count or kind.stays],
            )
    if dry_run and not as_json:
        console.print("Nothing was changed. Without --dry-run, all this goes.", markup=False)


def _row(kind: "Kind", dry_run: bool) -> tuple[str, ...]:
    stays = ", ".join(f"{count} {reason}" for reason, count in sorted(kind.stays.items()))
    what = f"would be {kind.does}" if dry_run else kind.does
    span = [f"{moment:%Y-%m-%d}" if moment else "" for moment in (kind.oldest, kind.newest)]
    return kind.name, what, str(kind.count), f"{kind.bytes / 1e6:.1f}", *span, stays

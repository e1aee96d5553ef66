"""What a run looks like in a terminal; all of it goes to standard error, so that standard output holds facts alone."""

import json
import re
import sys
import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

console = Console(stderr=True, highlight=False, soft_wrap=True)


def show(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print facts as columns on standard output."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else escape(str(value)) for value in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 240).print(table)


def show_json(facts: Any) -> None:
    """Print facts as JSON on standard output."""
    print(json.dumps(facts, indent=2, default=str))  # noqa: T201


class RunView:
    """A line for each step that is done, a bar for the one under way."""

    def __init__(self) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description:<9}"), BarColumn(24), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._bar = self._bars.add_task("starting", total=None)
        self._began: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def __call__(self, step: str, kind: str, text: str, at: float | None = None) -> None:
        """Show one line of a step: its kind is progress, done or error; ``at``, in seconds, is when it came, if not now."""
        at = time.monotonic() if at is None else at
        began = self._began.setdefault(step, at)
        if kind == "progress":
            self._progress(step, text)
        elif kind == "done":
            console.print(f"  {step:<9} {text}  [dim]{at - began:.1f} s[/dim]")
            del self._began[step]  # another pod may do another part of it

    def _progress(self, step: str, text: str) -> None:
        counts = re.fullmatch(r"(\d+) of (\d+)", text)
        if counts:
            self._bars.update(self._bar, description=step, completed=int(counts[1]), total=int(counts[2]))
        else:
            self._bars.reset(self._bar, description=step, total=None)

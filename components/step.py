"""What every step shares: its task and state, its lines of output, and an end in one sentence."""

import contextlib
import functools
import logging
import os
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from components.identity import run_id
from perennial.catalog.objects import Objects
from perennial.errors import PerennialError
from perennial.operations.facts import RunFolder
from perennial.processes import die_with
from perennial.settings import Settings

if TYPE_CHECKING:
    from perennial.catalog.catalog import Catalog
    from perennial.registry import Registry
    from perennial.task import Task

RUNNER_PID = "PERENNIAL_RUNNER_PID"
"""Variable by which a local run tells its steps whose end is theirs too."""

PROGRESS_S = 0.5


class Step:
    """One step of one run, as a context: ``with Step("embed", task, run) as step``.

    Lines that it prints start with ``[perennial]`` and read ``STEP progress|done|error: TEXT``. ``part`` tells pods that share a
    step's work apart: each has facts of its own, such as ``embed-2``.
    """

    def __init__(self, name: str, task: str, run: str, *, part: int | None = None) -> None:
        self.name = name
        self._facts = name if part is None else f"{name}-{part}"
        self._task_name = task
        self._given = run
        self._last_line = 0.0

    def __enter__(self) -> Self:
        if RUNNER_PID in os.environ:
            die_with(int(os.environ[RUNNER_PID]))
        logging.getLogger("httpx").setLevel(logging.WARNING)  # else kfp's executor logs each request, thousands in a scrape
        self._say("progress", "started")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, PerennialError):
            self._say("error", " ".join(str(error).split()))
            self._record(str(error))
            sys.exit(2)
        if isinstance(error, Exception):
            first = " ".join(str(error).split())[:200]
            self._record(f"unforeseen {type(error).__name__}: {first}; the step's log shows where")

    @functools.cached_property
    def settings(self) -> Settings:
        return Settings.load()

    @functools.cached_property
    def task(self) -> "Task":
        from perennial.operations.definitions import of_run

        return of_run(self.run, self.settings.tasks)

    @functools.cached_property
    def objects(self) -> Objects:
        return Objects.open(self.settings.store_url)

    @functools.cached_property
    def catalog(self) -> "Catalog":
        from perennial.catalog.catalog import Catalog

        return Catalog.open(self.objects)

    @functools.cached_property
    def registry(self) -> "Registry":
        from perennial.registry import Registry

        return Registry(self.settings.mlflow_uri)

    @functools.cached_property
    def run(self) -> RunFolder:
        return RunFolder(self.objects, self._task_name, run_id(self._given))

    def over(self) -> dict[str, Any] | None:
        """Return the facts that an earlier attempt of this very run left, so that a retried pod ends as an undisturbed one."""
        facts = self.run.find(self._facts)
        if facts is not None:
            self._say("progress", "was done before")
        return facts

    def progress(self, done: int, total: int) -> None:
        """Print how far the step is, at most twice a second."""
        now = time.monotonic()
        if done >= total or now - self._last_line > PROGRESS_S:
            self._last_line = now
            self._say("progress", f"{done} of {total}")

    def note(self, sentence: str) -> None:
        """Print what the step is at."""
        self._say("progress", sentence)

    def done(self, sentence: str, **facts: Any) -> dict[str, Any]:
        """Keep the step's facts in the run's folder, print what it did and return the facts."""
        found = {"sentence": sentence, **facts}
        self.run.write(self._facts, found)
        self._say("done", sentence)
        return found

    def _say(self, kind: str, text: str) -> None:
        sys.stdout.write(f"[perennial] {self.name} {kind}: {text}\n")
        sys.stdout.flush()

    def _record(self, sentence: str) -> None:
        """Leave the reason for the exit handler; where the store itself is away, the printed line is all there is."""
        with contextlib.suppress(PerennialError):
            self.run.fail(self._facts, sentence)

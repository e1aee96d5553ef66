"""Run the pipeline on this machine, through kfp.local, each step in a process of its own."""

import contextlib
import io
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from perennial.catalog.objects import Objects
from perennial.errors import StepFailed
from perennial.operations.runs import RunFolder
from perennial.settings import Settings
from perennial.task import Task

LINE = re.compile(r"\s*\[perennial\] (?P<step>[a-z]+) (?P<kind>progress|done|error): (?P<text>.*)")
KEPT_LOGS = 50

Listener = Callable[[str, str, str], None]
"""Takes step, kind (progress, done or error) and text of a line that a step printed."""


@dataclass(frozen=True)
class Ended:
    """A run that ended: its id, its outcome and the file with all that its steps printed."""

    run: str
    outcome: str
    sentence: str
    log: Path


def run_here(task: Task, settings: Settings, listener: Listener) -> Ended:
    """Run the continual pipeline once for ``task``.

    Raises:
        StepFailed: a step ended in an error; the text is the step's own sentence, or names the log.
    """
    run = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    log = _log_file(settings.home, run)
    with log.open("w", encoding="utf-8") as file:
        reader = _Lines(file, listener)
        with _environment(run, settings), _children_end_with_us(), contextlib.redirect_stdout(reader):
            _run_pipeline(task.name, settings.home / "tmp" / run)
    if reader.error:
        raise StepFailed(reader.error)
    outcome = RunFolder(Objects.open(settings.store_url), task.name, run).find("outcome")
    if outcome is None or outcome["outcome"] == "failed":
        reason = outcome["sentence"] if outcome else "it didn't say how it ended"
        raise StepFailed(
            f"The run of task {task.name} failed: {reason}. Its log is {log}. The next run goes on where it stopped."
        )
    return Ended(run, outcome["outcome"], outcome["sentence"], log)


def _run_pipeline(task: str, scratch: Path) -> None:
    """Run all steps. Bytes lie in the store, so kfp's own folder goes when the run has ended."""
    local, continual = _kfp()
    scratch.mkdir(parents=True)
    os.environ["TMPDIR"] = str(scratch)
    before, tempfile.tempdir = tempfile.tempdir, None  # it remembers a folder, of an earlier run in this process say
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=RuntimeWarning, module="kfp")
            local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(scratch), raise_on_error=False)
            continual(task=task)
    finally:
        tempfile.tempdir = before
        shutil.rmtree(scratch, ignore_errors=True)


def _kfp() -> tuple[Any, Any]:
    """Import kfp without its client, which only a cluster needs and which takes most of the import's time.

    ``_KFP_RUNTIME`` is KFP's own switch for what a step needs not import; its compiler's half must be there all the same.
    """
    os.environ["_KFP_RUNTIME"] = "true"
    import kfp  # noqa: F401 (its subpackages are imported next, without that switch)

    del os.environ["_KFP_RUNTIME"]
    from kfp import local

    from pipelines.continual import pipeline

    return local, pipeline()


class _Lines(io.TextIOBase):
    """A standard output that keeps all lines in a log and hands the steps' own to a listener."""

    def __init__(self, log: io.TextIOBase | Any, listener: Listener) -> None:
        self._log = log
        self._listener = listener
        self._rest = ""
        self.error = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._log.write(text)
        self._log.flush()
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._read(line)
        return len(text)

    def _read(self, line: str) -> None:
        match = LINE.match(line)
        if match is None:
            return
        if match["kind"] == "error" and not self.error:
            self.error = match["text"]
        self._listener(match["step"], match["kind"], match["text"])


@contextlib.contextmanager
def _environment(run: str, settings: Settings) -> Iterator[None]:
    """Tell the steps whose they are, all settings, where state lies whatever their folder is, and that their end is ours."""
    before = dict(os.environ)
    os.environ.update({f"PERENNIAL_{name.upper()}": str(value) for name, value in settings.model_dump().items()})
    os.environ.update(
        PERENNIAL_RUN=run,
        PERENNIAL_RUNNER_PID=str(os.getpid()),
        PERENNIAL_HOME=str(settings.home.resolve()),
        PERENNIAL_TASKS=str(settings.tasks.resolve()),
        PERENNIAL_STORE=settings.store_url,
        PERENNIAL_MLFLOW=settings.mlflow_uri,
        PYTHONUNBUFFERED="1",
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    )
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _children_end_with_us() -> Iterator[None]:
    """On Ctrl-C or a termination signal, end every step before this process ends."""

    def end(_number: int, _frame: FrameType | None) -> None:
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_file(home: Path, run: str) -> Path:
    """Return the run's log, having thrown away the oldest ones."""
    folder = home.resolve() / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.log"))[:-KEPT_LOGS]:
        old.unlink(missing_ok=True)
    return folder / f"{run}.log"

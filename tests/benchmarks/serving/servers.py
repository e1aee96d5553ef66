"""A contestant's server while it runs: started on its cores, stopped while others are measured, ended with the benchmark."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
import psutil

from perennial.processes import usable_cores
from tests.benchmarks.serving.keeper import GRACE_S, end, send, tree
from tests.benchmarks.serving.places import CACHE, ROOT

START_S = 240.0
POLL_S = 0.1
HOPELESS, HOPE_S = (404, 405, 501), 3.0
"""Answers that waiting won't change: there is no such route."""


class NotMeasured(Exception):
    """A contestant that can't be measured here; the text says why."""


def cores_for(threads: int) -> list[int]:
    """Return the cores that every contestant gets: as many as it has threads."""
    return sorted(os.sched_getaffinity(0))[: max(1, min(threads, usable_cores()))]


def plain_environment() -> dict[str, str]:
    """Return this process's variables without those that would change how a contestant runs."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PERENNIAL_", "VIRTUAL_ENV"))}


class Server:
    """A process tree behind a port."""

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path, cores: list[int]) -> None:
        self.name = name
        logs = CACHE / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        self.log = logs / f"{name.replace(' ', '-')}.log"
        keeper = [sys.executable, "-m", "tests.benchmarks.serving.keeper", str(os.getpid()), ",".join(map(str, cores))]
        with self.log.open("wb") as log:
            self.keeper = subprocess.Popen(
                [*keeper, "env", "-C", str(folder), *command],
                cwd=ROOT,
                env={**plain_environment(), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the benchmark alone, which then ends its servers
            )

    def until_answered(self, ask: Callable[[], httpx.Response]) -> None:
        """Wait until the server answers.

        Raises:
            NotMeasured: it ended, or doesn't answer in time.
        """
        deadline, wrong_since = time.monotonic() + START_S, None
        while True:
            if self.keeper.poll() is not None:
                raise NotMeasured(f"the server ended: {self.last_words()}")
            try:
                response = ask()
                if response.status_code == 200:
                    return
                said = f"{response.status_code} {response.text[:200]}"
                wrong_since = (wrong_since or time.monotonic()) if response.status_code in HOPELESS else None
            except httpx.HTTPError as error:
                said = type(error).__name__
            if wrong_since and time.monotonic() > wrong_since + HOPE_S:
                raise NotMeasured(f"it answers {said}")
            if time.monotonic() > deadline:
                raise NotMeasured(f"no answer in {START_S:.0f} s ({said}): {self.last_words()}")
            time.sleep(POLL_S)

    def last_words(self) -> str:
        """Return the end of the log on one line."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return " ".join(text.split())[-300:] or "it said nothing"

    def pause(self) -> None:
        """Stop all of its processes, so that an idle server takes nothing from the one that is measured."""
        send(self._processes(), signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on."""
        send(self._processes(), signal.SIGCONT)

    def rss_mb(self) -> float:
        """Return the memory that its processes hold, in MiB."""
        return sum(process.memory_info().rss for process in self._processes()) / 2**20

    def end(self) -> None:
        """End it and all that it started."""
        self.resume()
        self.keeper.terminate()
        try:
            self.keeper.wait(2 * GRACE_S + 5)
        except subprocess.TimeoutExpired:
            end(self.keeper.pid)

    def _processes(self) -> list[psutil.Process]:
        return tree(self.keeper.pid)[1:]

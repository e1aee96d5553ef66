"""The command ``perennial inbox`` as a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


class Listening:
    """One run of the command."""

    def __init__(self, variables: Mapping[str, str], home: Path, *arguments: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.log = home / "inbox.log"
        self.log.write_text("")
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "perennial", "inbox", *arguments]
            self.process = subprocess.Popen(command, cwd=home, env={**os.environ, **variables}, stdout=log, stderr=log)

    @property
    def said(self) -> list[str]:
        return self.log.read_text().splitlines()

    def wait_until_up(self) -> None:
        """Wait until it takes in what comes."""
        until(lambda: "is looked through every" in self.log.read_text(), 60, lambda: self.log.read_text())

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def end(self) -> int:
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def listening(variables: Mapping[str, str], home: Path, *arguments: str) -> Iterator[Listening]:
    """Run the command until the block ends."""
    running = Listening(variables, home, *arguments)
    try:
        running.wait_until_up()
        yield running
    finally:
        running.kill()


def until(reached: object, seconds: float, about: object = lambda: "") -> float:
    """Ask until it is so, and return the seconds that took."""
    began = time.monotonic()
    while not reached():  # type: ignore[operator]
        assert time.monotonic() - began < seconds, about()  # type: ignore[operator]
        time.sleep(0.02)
    return time.monotonic() - began

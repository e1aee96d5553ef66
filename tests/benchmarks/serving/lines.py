"""A child process that takes an order a line and answers with a line, both JSON."""

import json
import os
import select
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.serving.servers import NotMeasured, plain_environment


class Lines:
    """The process, started when it is first asked and again after it ended; as a context it ends."""

    def __init__(self, what: str, command: Sequence[str], folder: Path, cores: Sequence[int]) -> None:
        self._what = what
        self._command = command
        self._folder = folder
        self._cores = cores
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> "Lines":
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.end()

    def ask(self, order: dict[str, Any], patience_s: float) -> dict[str, Any]:
        """Return the answer to an order.

        Raises:
            NotMeasured: the process ended, or there is no answer in time.
        """
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], patience_s)
            line = process.stdout.readline() if ready else ""
        except BrokenPipeError:
            ready, line = [process], ""
        if not line:
            self.end()
            raise NotMeasured(f"{self._what} ended" if ready else f"{self._what} took more than {patience_s:.0f} s")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """End the process, if there is one."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            environment = plain_environment()
            self._process = subprocess.Popen(self._command, cwd=self._folder, env=environment, start_new_session=True, **pipes)
            os.sched_setaffinity(self._process.pid, self._cores)
        return self._process

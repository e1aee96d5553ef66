"""The server that a local deployment proves a release on: the one that runs, else a temporary one."""

import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from perennial.errors import ReleaseRejected
from perennial.processes import free_port
from perennial.serving.client import report, running
from perennial.settings import Settings

START_S = 90.0
STOP_S = 10.0
POLL_S = 0.05


class ProvingServer:
    """A way to an endpoint's server; as a context, it ends the temporary server that it may have started."""

    def __init__(self, endpoint: str, settings: Settings) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "ProvingServer":
        """Start nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the temporary server."""
        self._stop()

    @property
    def temporary(self) -> bool:
        """Whether nobody but the deployment itself asks this server."""
        return self._process is not None

    def runs(self) -> bool:
        """Whether a server answers now; starts none."""
        return report(self._url) is not None if self._url else running(self._endpoint, self._settings) is not None

    @property
    def url(self) -> str:
        """The address of a server that answers; starts one where none does.

        Raises:
            ReleaseRejected: the temporary server can't start; the text says why.
        """
        self.facts()
        return self._url

    def facts(self) -> dict[str, Any]:
        """Return what the server reports; where it went away, another one is found or started.

        Raises:
            ReleaseRejected: the temporary server can't start.
        """
        facts = report(self._url) if self._url else None
        if facts is None:
            self._find()
            facts = report(self._url)
        if facts is None:
            raise ReleaseRejected(f"The server of the endpoint '{self._endpoint}' at {self._url} ended while it was watched")
        return facts

    def _find(self) -> None:
        self._stop()
        address = running(self._endpoint, self._settings)
        self._url = address.url if address else self._start()

    def _start(self) -> str:
        settings = self._settings.model_copy(update={"host": "127.0.0.1", "http_port": free_port(), "grpc_port": free_port()})
        own = {"home": settings.home.resolve(), "store": settings.store_url, "mlflow": settings.mlflow_uri}
        said = {**settings.model_dump(), **own}
        environment = {**os.environ, **{f"PERENNIAL_{key.upper()}": str(value) for key, value in said.items()}}
        command = [sys.executable, "-m", "perennial.serving.temporary", self._endpoint, str(os.getpid())]
        with tempfile.TemporaryFile() as errors:
            self._process = subprocess.Popen(command, env=environment, stdout=errors, stderr=errors)
            url = f"http://{settings.host}:{settings.http_port}"
            deadline = time.monotonic() + START_S
            while report(url) is None:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > deadline:
                    errors.seek(0)
                    last = (errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
                    why = "ended" if ended else f"didn't answer within {START_S:.0f} s"
                    raise ReleaseRejected(f"A server for the proof {why}: {last}")
                time.sleep(POLL_S)
        return url

    def _stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

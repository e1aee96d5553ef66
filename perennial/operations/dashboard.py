"""Start the dashboard: a Streamlit server on the host and port of the settings."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from perennial.errors import EndpointError, PortInUse
from perennial.processes import die_with_parent
from perennial.settings import Settings

WAIT_S = 60
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def start(settings: Settings, task: str = "", port: int | None = None) -> "subprocess.Popen[bytes]":
    """Start the dashboard and return its process once it answers; it ends when this process ends.

    Args:
        settings: whose host and state are used.
        task: the task that is shown first.
        port: instead of the settings' port.

    Raises:
        PortInUse: another process listens on the port.
        EndpointError: the dashboard isn't installed, or ended before it answered.
    """
    port = port or settings.dashboard_port
    app = _app()
    _refuse_taken(settings.host, port)
    command = [sys.executable, "-m", __name__, str(os.getpid()), str(app), settings.host, str(port), task]
    process = subprocess.Popen(command, env=_environment(settings), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        _wait(process, address(settings, port))
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def address(settings: Settings, port: int | None = None) -> str:
    """Return the dashboard's URL."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{port or settings.dashboard_port}"


def main(parent: int, app: str, host: str, port: str, task: str) -> None:
    """Be the dashboard's process, until the parent ends; what never changes stands in the config beside the app."""
    die_with_parent(parent)
    from streamlit.web import cli

    known = [flag for name in _LOOPBACK for flag in ("--server.allowedHosts", name)] if host in _LOOPBACK else []
    place = ["--server.address", host, "--server.port", port, "--browser.serverAddress", host, "--browser.serverPort", port]
    cli.main(["run", app, *place, *known, "--logger.level", "warning", "--", task], prog_name="streamlit")


def _app() -> Path:
    """Return the router's file; Streamlit runs it by its path, and this room doesn't import the dashboard's."""
    found = [importlib.util.find_spec(name) for name in ("streamlit", "dashboard")]
    if not all(found) or found[1] is None or found[1].origin is None:
        raise EndpointError("The dashboard isn't installed. Install it with: pip install 'perennial[core,dashboard]'")
    return Path(found[1].origin).with_name("app.py")


def _refuse_taken(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortInUse(
                f"The dashboard can't listen on {host}:{port}: {(error.strerror or str(error)).lower()}. Stop what listens "
                "there, or choose another port with PERENNIAL_DASHBOARD_PORT."
            ) from None


def _environment(settings: Settings) -> dict[str, str]:
    """Return an environment in which a child loads these same settings, whatever its folder is."""
    places = {"home": settings.home.resolve(), "tasks": settings.tasks.resolve()}
    values = {**settings.model_dump(), **places}
    return {**os.environ, **{f"PERENNIAL_{name.upper()}": str(value) for name, value in values.items()}}


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    """Return when the dashboard answers."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise EndpointError(
                f"The dashboard ended with code {process.returncode} before it answered; its reason stands above."
            )
        try:
            if httpx.get(f"{url}/_stcore/health", timeout=1).is_success:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise EndpointError(f"The dashboard doesn't answer at {url} after {WAIT_S} s. Try again when the machine is less busy.")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])

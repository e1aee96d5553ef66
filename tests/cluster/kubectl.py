"""What the cluster tests do by kubectl, as an operator would."""

import base64
import contextlib
import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from perennial.processes import free_port

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
DEV = ROOT / "manifests" / "overlays" / "dev"
NAMESPACE, PIPELINES = "perennial", "kubeflow"
ACCOUNT = "perennial-pipeline"


def kubectl(*arguments: str, stdin: str | None = None, ok: bool = True) -> str:
    """Run kubectl and return its standard output; with ``ok=False`` both outputs, whatever became of it."""
    done = subprocess.run(["kubectl", *arguments], input=stdin, capture_output=True, text=True, check=False)
    if not ok:
        return done.stdout + done.stderr
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def objects(*arguments: str) -> list[dict[str, Any]]:
    """Return the objects that ``kubectl get`` finds."""
    found = json.loads(kubectl("get", *arguments, "-o", "json"))
    items: list[dict[str, Any]] = found["items"] if found["kind"].endswith("List") else [found]
    return items


def image(name: str) -> str:
    """Return the image of this name that the overlay gives to its pods."""
    found = re.search(rf"image: (\S*{name}:\S+)", kubectl("kustomize", str(DEV)))
    assert found, f"the overlay has no image {name}"
    return found[1]


def apply() -> list[str]:
    """Apply the development overlay and return what kubectl says of each object."""
    return kubectl("apply", "-k", str(DEV)).splitlines()


def wait_ready(seconds: int = 300) -> None:
    """Wait until all that the overlay made is ready."""
    limit = f"--timeout={seconds}s"
    for kind in ("statefulset", "deployment"):
        for found in objects(kind, "-n", NAMESPACE):
            kubectl("-n", NAMESPACE, "rollout", "status", f"{kind}/{found['metadata']['name']}", limit)


def secret(namespace: str, name: str) -> dict[str, str]:
    """Return a Secret's values."""
    found = objects("secret", name, "-n", namespace)[0]
    return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}


@contextlib.contextmanager
def forwarded(namespace: str, service: str, port: int) -> Iterator[str]:
    """Forward a port on loopback to a Service, as ``kubectl port-forward`` does, again when its pod went; gives the address."""
    local = free_port()
    ended = threading.Event()
    command = ["kubectl", "-n", namespace, "port-forward", f"service/{service}", f"{local}:{port}"]
    running: list[subprocess.Popen[bytes]] = []

    def keep() -> None:
        while not ended.wait(0.5):
            running[:] = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)]
            running[0].wait()

    keeper = threading.Thread(target=keep, name=f"forward {service}")
    keeper.start()
    try:
        until(lambda: _listens(local), bool, 60)
        yield f"http://127.0.0.1:{local}"
    finally:
        ended.set()
        while keeper.is_alive():
            for process in running:
                process.terminate()
            keeper.join(0.5)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def until(ask: Callable[[], T], reached: Callable[[T], bool], seconds: float, pause: float = 1.0) -> T:
    """Ask until what comes is what is waited for."""
    deadline = time.monotonic() + seconds
    while not reached(found := ask()):
        assert time.monotonic() < deadline, f"after {seconds:.0f} s still {found}"
        time.sleep(pause)
    return found

"""Faults of a server, injected through the template of an endpoint's servers: real code, gone wrong."""

import contextlib
import json
import re
import uuid
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster import kubectl as k
from tests.cluster.endpoints import IN, Moment, Timeline

CODE = Path(__file__).with_name("faulty_server.py")
MAP, FOLDER = "perennial-test-faults", "/etc/perennial-test-faults"
MISSING = "perennial-server:not-there"


@dataclass(frozen=True)
class Fault:
    """What goes wrong, by which words the reason tells it, and from when on it can be known.

    ``costs`` says whether requests that the canary was given fail.
    """

    name: str
    told: str
    known: Callable[[Moment], bool]
    costs: bool = False
    ready_s: float = 120

    def tells(self, reason: str) -> bool:
        """Return whether a reason is about this fault."""
        return re.search(self.told, reason, re.IGNORECASE) is not None

    def known_at(self, seen: Timeline) -> float:
        """Return from when on it could be known; what isn't ready in time can be when that time is over."""
        at = seen.first(self.known)
        return at + self.ready_s if self.name == "never-ready" else at


def faults(canary: str) -> list[Fault]:
    """Return all faults, for a release that is to go to this colour."""

    def pod(moment: Moment) -> Any:
        return next((pod for pod in moment.pods if pod.colour == canary), None)

    def there(moment: Moment) -> bool:
        return pod(moment) is not None

    def ready(moment: Moment) -> bool:
        return there(moment) and pod(moment).ready

    def asked(moment: Moment) -> bool:
        return moment.weights.get(canary, 0) > 0

    def restarted(moment: Moment) -> bool:
        return there(moment) and pod(moment).restarts > 0

    def without_image(moment: Moment) -> bool:
        return there(moment) and "Image" in pod(moment).waiting

    return [
        Fault("wrong", "golden image", ready),
        Fault("never-ready", "ready within", there, ready_s=45),
        Fault("errors", "fail|error", asked, costs=True),
        Fault("slow", "95 of 100", asked),
        Fault("dies", "went away|ended", restarted, costs=True),
        Fault("crashes", "crash|ended|exit|restart", restarted),
        Fault("image", "image|pull", without_image),
    ]


NAMES = tuple(fault.name for fault in faults(""))


def fault_of(name: str, canary: str) -> Fault:
    """Return the fault of this name."""
    return next(fault for fault in faults(canary) if fault.name == name)


@contextlib.contextmanager
def template(endpoint: str, change: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Change the specification of an endpoint's template while the block runs."""
    before = k.objects("servingruntime", endpoint, *IN)[0]["spec"]
    after = deepcopy(before)
    change(after)
    _replace(endpoint, after)
    try:
        yield
    finally:
        _replace(endpoint, before)


def new_code(spec: dict[str, Any]) -> None:
    """Change a template into another one that works, as an operator's new setting or image does."""
    spec["containers"][0].setdefault("env", []).append({"name": "TEST_CODE", "value": uuid.uuid4().hex})


@contextlib.contextmanager
def broken(endpoint: str, fault: str) -> Iterator[None]:
    """Give new servers a fault while the block runs."""
    code = {CODE.name: CODE.read_text(encoding="utf-8")}
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": MAP, "namespace": k.NAMESPACE}, "data": code}
    k.kubectl("apply", "-f", "-", stdin=json.dumps(document))

    def change(spec: dict[str, Any]) -> None:
        new_code(spec)
        server = spec["containers"][0]
        if fault == "image":
            server["image"] = re.sub(r"perennial-server\S*$", MISSING, server["image"])
            return
        server["command"] = ["python", f"{FOLDER}/{CODE.name}"]
        server["env"] += [{"name": "FAULT", "value": fault}]
        server.setdefault("volumeMounts", []).append({"name": "faults", "mountPath": FOLDER, "readOnly": True})
        spec.setdefault("volumes", []).append({"name": "faults", "configMap": {"name": MAP}})

    with template(endpoint, change):
        yield


def _replace(endpoint: str, spec: dict[str, Any]) -> None:
    change = [{"op": "replace", "path": "/spec", "value": spec}]
    k.kubectl(*IN, "patch", "servingruntime", endpoint, "--type=json", "-p", json.dumps(change))

"""What an endpoint looks like on the cluster, by kubectl alone: its colours, its route, its pods and what became of them."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from perennial.serving.record import EndpointRecord, read_record
from tests.cluster import kubectl as k
from tests.cluster.installation import Installation

ROLES = ("stable", "canary", "previous")
IN = ("-n", k.NAMESPACE)
ISVC = "serving.kserve.io/inferenceservice"


@dataclass(frozen=True)
class Pod:
    """A server's pod; ``waiting`` says why its containers don't run, "" where they do."""

    name: str
    colour: str
    ready: bool
    restarts: int
    waiting: str


def colours(endpoint: str) -> dict[str, str]:
    """Return the release that each colour names, in full."""
    found = k.objects("inferenceservice", *IN, "-l", f"perennial/endpoint={endpoint}")
    return {one["metadata"]["name"]: one["metadata"].get("annotations", {}).get("perennial/release", "") for one in found}


def colour_of(endpoint: str, role: str) -> str | None:
    """Return the colour that has a role, or None."""
    names = (f"{endpoint}-a", f"{endpoint}-b")
    found = k.objects("poddisruptionbudget", *IN, "-l", f"perennial/role={role}")
    return next((one["metadata"]["name"] for one in found if one["metadata"]["name"] in names), None)


def weights(endpoint: str) -> dict[str, int]:
    """Return the weight of each colour in the HTTPRoute, without those that get nothing."""
    return _weights(k.objects("httproute", endpoint, *IN)[0])


def host(endpoint: str) -> str:
    """Return the name by which the gateway knows an endpoint."""
    return str(k.objects("httproute", endpoint, *IN)[0]["spec"]["hostnames"][0])


def accepted(endpoint: str) -> bool:
    """Return whether a gateway has accepted the endpoint's HTTPRoute."""
    parents = k.objects("httproute", endpoint, *IN)[0].get("status", {}).get("parents", ())
    return any(one["type"] == "Accepted" and one["status"] == "True" for parent in parents for one in parent["conditions"])


def selected(endpoint: str) -> str | None:
    """Return the colour behind the endpoint's fixed name inside the cluster."""
    found: str | None = k.objects("service", endpoint, *IN)[0]["spec"].get("selector", {}).get(ISVC)
    return found


def stopped(colour: str) -> bool:
    """Return whether a colour is scaled down."""
    notes = k.objects("inferenceservice", colour, *IN)[0]["metadata"].get("annotations", {})
    return notes.get("serving.kserve.io/stop") == "true"


def pods(colour: str) -> list[Pod]:
    """Return a colour's pods that aren't ending."""
    return [pod for pod in map(_pod, k.objects("pod", *IN, "-l", f"{ISVC}={colour}")) if pod]


def release_record(installed: Installation, endpoint: str) -> EndpointRecord:
    """Return the endpoint's record, as the deployer left it in the store."""
    return read_record(installed.objects, endpoint)


def wait_role(endpoint: str, role: str, seconds: float = 120) -> str:
    """Wait until a colour has this role, and return it."""
    return str(k.until(lambda: colour_of(endpoint, role), bool, seconds, 0.5))


def events(isvc: str, reason: str) -> list[str]:
    """Return the messages of an InferenceService's Events of this reason, oldest first."""
    which = f"involvedObject.kind=InferenceService,involvedObject.name={isvc},reason={reason}"
    found = k.objects("event", *IN, "--field-selector", which)
    return [one["message"] for one in sorted(found, key=_when)]


@dataclass(frozen=True)
class Moment:
    """The cluster as it was at ``at`` (seconds since 1970)."""

    at: float
    weights: dict[str, int]
    pods: tuple[Pod, ...]


class Timeline:
    """Looks at an endpoint's route and pods once a second while the block runs."""

    def __init__(self, endpoint: str) -> None:
        self.moments: list[Moment] = []
        self._endpoint = endpoint
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"timeline of {endpoint}")

    def __enter__(self) -> "Timeline":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def first(self, reached: Callable[[Moment], bool]) -> float:
        """Return when something was first so; now, where it never was."""
        return next((moment.at for moment in list(self.moments) if reached(moment)), time.time())

    def split(self) -> tuple[float, float]:
        """Return from when until when more than one colour got traffic, a look's length more on both sides."""
        times = [moment.at for moment in list(self.moments) if len(moment.weights) > 1]
        return (times[0] - 2, times[-1] + 3) if times else (0, 0)

    def _look(self) -> None:
        while not self._ended.wait(1):
            at = time.time()
            found = json.loads(k.kubectl("get", "httproute,pod", *IN, "-o", "json"))["items"]
            routes = [one for one in found if one["kind"] == "HTTPRoute" and one["metadata"]["name"] == self._endpoint]
            mine = [pod for one in found if one["kind"] == "Pod" and (pod := _pod(one)) and self._owns(pod)]
            self.moments.append(Moment(at, _weights(routes[0]) if routes else {}, tuple(mine)))

    def _owns(self, pod: Pod) -> bool:
        return pod.colour in (f"{self._endpoint}-a", f"{self._endpoint}-b")


@contextlib.contextmanager
def no_reconciling() -> Iterator[None]:
    """Keep the cluster's own reconciling away, so that nobody but the test moves the endpoint."""
    jobs = [one["metadata"] for one in k.objects("cronjob", "-A") if one["metadata"]["namespace"] in (k.NAMESPACE, k.PIPELINES)]
    ours = [
        (one["namespace"], one["name"]) for one in jobs if one.get("labels", {}).get("app.kubernetes.io/part-of") == "perennial"
    ]

    def suspend(value: bool) -> None:
        for namespace, name in ours:
            k.kubectl("-n", namespace, "patch", "cronjob", name, "--type=merge", "-p", json.dumps({"spec": {"suspend": value}}))

    suspend(True)
    try:
        yield
    finally:
        suspend(False)


def _weights(route: dict[str, Any]) -> dict[str, int]:
    backends = [one for rule in route["spec"].get("rules", ())[:1] for one in rule.get("backendRefs", ())]
    return {one["name"].removesuffix("-predictor"): one.get("weight", 1) for one in backends if one.get("weight", 1)}


def _pod(found: dict[str, Any]) -> Pod | None:
    if "deletionTimestamp" in found["metadata"]:
        return None
    status = found["status"]
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    waiting = [one["state"].get("waiting", {}).get("reason", "") for one in containers]
    return Pod(
        name=found["metadata"]["name"],
        colour=found["metadata"].get("labels", {}).get(ISVC, ""),
        ready=any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ())),
        restarts=sum(one["restartCount"] for one in containers),
        waiting=next((reason for reason in waiting if reason not in ("", "PodInitializing", "ContainerCreating")), ""),
    )


def _when(event: dict[str, Any]) -> str:
    return str(event.get("eventTime") or event.get("lastTimestamp") or event["metadata"]["creationTimestamp"])

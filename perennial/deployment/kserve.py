"""Observe and act on a cluster: an HTTPRoute and a Service of the endpoint's name over two InferenceServices."""

import math
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from perennial.catalog.objects import Objects
from perennial.deployment import documents as d
from perennial.deployment.colours import Colours
from perennial.deployment.figures import Figures, from_report
from perennial.deployment.reach import Reach
from perennial.deployment.world import ByHand, Seen
from perennial.errors import ClusterError, EndpointError
from perennial.kube.api import MANAGER, Document, Kube, Refused
from perennial.kube.routes import refused
from perennial.serving.record import EndpointRecord
from perennial.settings import Settings

ROUTED_S = 15.0
SETTLE_S = 3.0
"""Gateways take a moment to follow a route; nothing that served is taken away before."""

_SELECTOR = "serving.kserve.io/inferenceservice"


class KServeWorld:
    """One endpoint on a cluster."""

    poll_s = 1.0
    quiet_s = math.inf
    asked = True

    def __init__(self, endpoint: str, objects: Objects, settings: Settings) -> None:
        """Read the endpoint's own objects, which the manifests make.

        Raises:
            ClusterError: the cluster is away, or an object isn't there.
        """
        self._kube = Kube()
        self._endpoint = endpoint
        self._namespace = settings.namespace
        self._colours = Colours(self._kube, endpoint, settings.namespace, objects)
        self._reach = Reach(self._kube, settings.namespace)
        self._template = self._needed(f"/apis/serving.kserve.io/v1alpha1/{self._in}/servingruntimes/{endpoint}", "ServingRuntime")
        self._needed(self._service_path, "Service")
        self._bounds: tuple[float, ...] = ()
        self.code = d.runtime_name(self._template)
        self.obstacle = self._obstacle()

    @property
    def bounds(self) -> Sequence[float]:
        """The servers' own buckets."""
        return self._bounds

    def apply(self, record: EndpointRecord) -> None:
        """Make the cluster what the record says: capacity first, then traffic, and at last what nobody needs any more goes."""
        roles = {release: role for release, role in record.roles.items() if self._colours.runnable(release, self._template)}
        places = self._colours.places(list(roles))
        run = record.last()
        for release, role in roles.items():
            self._colours.apply(
                places[release],
                release,
                run.run if run else "",
                self._template,
                replicas=self._replicas(record, release, places),
                stopped=role == "previous" and record.retired,
            )
        if record.canary and record.state in ("shifting", "shifted"):
            least = self._replicas(record, record.canary, places)[0]
            self._colours.await_capacity(places[record.canary], record.canary, least)
        moved = self._route(record, places)
        for release, role in roles.items():
            self._colours.label(places[release], release, role)
        idle = {name: release for name, release in self._colours.holding().items() if release not in roles}
        if moved and idle:
            time.sleep(SETTLE_S)
        for name, release in idle.items():
            self._colours.label(name, release, "idle")
            self._colours.stop(name, True)
        if record.canary is None:
            self._colours.forget_runtimes(self._template)

    def look(self, release: str) -> Seen:
        """Return how a release stands, by its pods and by what its Service answers."""
        name = self._place(release)
        if name is None:
            return Seen(ready=False, trouble="the cluster doesn't hold it")
        seen = self._colours.look(name, release)
        if seen.ready and not self._loaded(name, release):
            return Seen(ready=False, trouble=f"its Service {d.service_of(name)} doesn't answer", restarts=seen.restarts)
        return seen

    def counts(self, release: str) -> dict[str, Figures]:
        """Return what each pod counted."""
        counted = {}
        for pod in self._colours.ready_pods(self._name_of(release), release):
            told = self._reach.pod(pod)
            if told is not None:
                self._bounds = tuple(told.get("latency_bounds", self._bounds))
                counted[pod["metadata"]["name"]] = from_report(told, release)
        return counted

    def ask(self, release: str, task: str, jpeg: bytes) -> dict[str, Any]:
        """Ask a release through its colour's own Service."""
        return self._reach.ask(self._name_of(release), release, task, jpeg)

    def by_hand(self) -> ByHand | None:
        """Return the traffic where somebody else was the last to set it."""
        if self.obstacle:
            service = self._kube.get(self._service_path)
            who, name = d.owner_of(service, "spec", "selector"), (service["spec"].get("selector") or {}).get(_SELECTOR)
            weights = {str(name): 100} if name else {}
        else:
            route = self._kube.get(self._route_path)
            who, weights = d.owner_of(route, "spec", "rules"), self._weights(route)
        if who in (None, MANAGER) or not weights:
            return None
        holding = self._colours.holding()
        total = sum(weights.values()) or 1
        return ByHand(str(who), {holding.get(name, ""): round(100 * weight / total) for name, weight in weights.items()})

    def tell(self, release: str, what: str, sentence: str, *, bad: bool = False) -> None:
        """Leave an Event on the InferenceService that holds the release, where that may be done."""
        if name := self._place(release):
            with suppress(Refused):
                self._colours.event(name, what, sentence, bad=bad)

    def _route(self, record: EndpointRecord, places: dict[str, str]) -> bool:
        """Set the traffic; returns whether anything changed."""
        stable, canary = places.get(record.stable or ""), places.get(record.canary or "")
        moved = False
        if stable:
            moved = self._select(stable)
        if self.obstacle:
            return moved
        weights = {d.service_of(stable): 100 - record.share} if stable else {}
        if canary and record.share:
            weights[d.service_of(canary)] = record.share
        if not weights:
            return moved
        route = self._kube.get(self._route_path)
        ours = {d.service_of(name) for name in (*self._colours.names, self._endpoint)}  # once, it was one InferenceService
        present = route["spec"].get("rules") or []
        wanted = d.rules(present, ours, weights)
        if present == wanted and d.owner_of(route, "spec", "rules") == MANAGER:
            return moved
        about = {"name": self._endpoint, "namespace": self._namespace}
        applied = self._kube.apply(
            self._route_path,
            {"apiVersion": route["apiVersion"], "kind": "HTTPRoute", "metadata": about, "spec": {"rules": wanted}},
        )
        self._await_route(applied["metadata"]["generation"])
        return True

    def _select(self, colour: str) -> bool:
        """Let the Service of the endpoint's name lead to a colour."""
        service = self._kube.get(self._service_path)
        selector = {_SELECTOR: colour}
        if service["spec"].get("selector") == selector and d.owner_of(service, "spec", "selector") == MANAGER:
            return False
        about = {"name": self._endpoint, "namespace": self._namespace}
        self._kube.apply(
            self._service_path, {"apiVersion": "v1", "kind": "Service", "metadata": about, "spec": {"selector": selector}}
        )
        return True

    def _await_route(self, generation: int) -> None:
        """Wait until a gateway has taken a route's new rules; one that doesn't say so is given the time."""
        deadline = time.monotonic() + ROUTED_S
        while time.monotonic() < deadline:
            conditions = _of_parents(self._kube.get(self._route_path))
            if any(one["type"] == "Accepted" and one.get("observedGeneration", 0) >= generation for one in conditions):
                return
            time.sleep(0.2)

    def _replicas(self, record: EndpointRecord, release: str, places: dict[str, str]) -> tuple[int, int]:
        """Return least and most servers of a release: a canary has what its next share of the traffic takes."""
        scale = d.Scale.of(self._template)
        if release != record.canary or record.stable not in places:
            return scale.least, scale.most
        serving = len(self._colours.ready_pods(places[record.stable], record.stable))
        return d.replicas(scale, serving, 100 if record.state == "shifted" else record.share)

    def _loaded(self, name: str, release: str) -> bool:
        told = self._reach.colour(name)
        return bool(told and told.get("releases", {}).get(release, {}).get("ready"))

    def _place(self, release: str) -> str | None:
        return next((name for name, holds in self._colours.holding().items() if holds == release), None)

    def _name_of(self, release: str) -> str:
        name = self._place(release)
        if name is None:
            raise EndpointError(f"The endpoint '{self._endpoint}' doesn't hold the release {release[:12]} on the cluster.")
        return name

    def _weights(self, route: Document) -> dict[str, int]:
        """Return the weight of each colour on a route, by the colours' names."""
        names = {d.service_of(name): name for name in self._colours.names}
        backends = [one for rule in route["spec"].get("rules") or () for one in rule.get("backendRefs") or ()]
        return {names[one["name"]]: int(one.get("weight", 1)) for one in backends if one["name"] in names}

    def _obstacle(self) -> str:
        route = self._kube.find(self._route_path)
        if route is None:
            return "Traffic isn't split: the cluster has no HTTPRoute of the endpoint's name, so that a release gets all at once."
        if why := refused(route):
            return f"Traffic isn't split: no gateway takes the endpoint's HTTPRoute ({why}), so that a release gets all at once."
        return ""

    def _needed(self, path: str, kind: str) -> Document:
        found = self._kube.find(path)
        if found is None:
            raise ClusterError(
                f"The namespace {self._namespace} has no {kind} '{self._endpoint}': apply the manifests with an endpoint of that "
                "name (manifests/components/endpoint)."
            )
        return found

    @property
    def _in(self) -> str:
        return f"namespaces/{self._namespace}"

    @property
    def _service_path(self) -> str:
        return f"/api/v1/{self._in}/services/{self._endpoint}"

    @property
    def _route_path(self) -> str:
        return f"/apis/gateway.networking.k8s.io/v1/{self._in}/httproutes/{self._endpoint}"


def _of_parents(route: Document) -> list[Document]:
    """Return what the gateways say of a route."""
    parents = (route.get("status") or {}).get("parents") or ()
    return [condition for parent in parents for condition in parent.get("conditions") or ()]

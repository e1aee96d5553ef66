"""The two InferenceServices of an endpoint, and the pods of each."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from perennial.catalog.objects import Objects
from perennial.deployment import documents as d
from perennial.deployment.world import Seen
from perennial.errors import ClusterError, ReleaseRejected
from perennial.kube.api import Document, Kube
from perennial.kube.pod_reasons import reason
from perennial.serving.releases import ReleaseFile, read_release

CAPACITY_S = 180.0
_FINAL = frozenset(
    {"CrashLoopBackOff", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError"}
)
_POLL_S = 1.0
_LAST_S = 30.0


class Colours:
    """Observes and applies the colours of one endpoint."""

    def __init__(self, kube: Kube, endpoint: str, namespace: str, objects: Objects) -> None:
        self._kube = kube
        self._endpoint = endpoint
        self._namespace = namespace
        self._objects = objects
        self._files: dict[str, ReleaseFile] = {}

    def holding(self) -> dict[str, str]:
        """Return which release each colour holds, by the colour's name."""
        return {
            name: found["metadata"].get("annotations", {}).get(d.RELEASE, "")
            for name in self.names
            if (found := self._kube.find(self._service(name)))
        }

    @property
    def names(self) -> tuple[str, ...]:
        """The names of both."""
        return tuple(d.colour_name(self._endpoint, colour) for colour in d.COLOURS)

    def runnable(self, release: str, template: Document) -> bool:
        """Return whether there is a runtime for a release, or the template still gives it."""
        code = self._file(release).code
        return code == d.runtime_name(template) or self._kube.find(f"{self._runtimes}/{code}") is not None

    def places(self, releases: Sequence[str]) -> dict[str, str]:
        """Return the colour of each release: where it is already, else one that holds none of the others.

        Raises:
            ClusterError: there are more of them than colours.
        """
        places = {release: name for name, release in self.holding().items() if release in releases}
        for release in releases:
            if release not in places:
                free = [name for name in self.names if name not in places.values()]
                if not free:
                    raise ClusterError(
                        f"Both colours of the endpoint '{self._endpoint}' hold other releases than its record says. Run "
                        f"'perennial rollback TASK VERSION' to make a new one."
                    )
                places[release] = free[0]
        return places

    def apply(self, name: str, release: str, run: str, template: Document, *, replicas: tuple[int, int], stopped: bool) -> None:
        """Bring a colour to a release.

        Where it held another one, that one's pods go first: its Service would lead to both for a while.

        Raises:
            ReleaseRejected: those pods stay, or the release's runtime is gone.
        """
        present = self._kube.find(self._service(name))
        notes = (present or {}).get("metadata", {}).get("annotations") or {}
        stays = notes.get(d.RELEASE) == release
        if present and not stays:
            self._empty(name)
        scale = d.Scale.of(template)
        file = self._file(release)
        about = (present or {}).get("metadata", {}).get("labels") or {}
        colour = d.Colour(
            endpoint=self._endpoint,
            name=name,
            namespace=self._namespace,
            release=release,
            run=about.get(d.RUN, run) if stays else run,
            runtime=file.code,
            scaler=notes.get(d.SCALER, scale.scaler) if stays else scale.scaler,
            replicas=replicas,
            target=scale.target,
        )
        document = d.inference_service(colour, file, self._objects.url, self._runtime(file.code, template))
        if not _contains(present, document):
            self._kube.apply(self._service(name), document)
        self.stop(name, stopped)

    def label(self, name: str, release: str, role: str) -> None:
        """Say which role a colour plays: on its PodDisruptionBudget, and on the pods that it has now."""
        colour = d.Colour(self._endpoint, name, self._namespace, release, "", "", "", (1, 1), 0)
        path = f"/apis/policy/v1/namespaces/{self._namespace}/poddisruptionbudgets/{name}"
        found = self._kube.find(self._service(name))
        budget = d.disruption_budget(colour, role)
        if found:
            budget["metadata"]["labels"][d.RUN] = found["metadata"].get("labels", {}).get(d.RUN, "")
        if not _contains(self._kube.find(path), budget):
            self._kube.apply(path, budget)
        for pod in self.pods(name, release):
            if pod["metadata"].get("labels", {}).get(d.ROLE) != role:
                where = f"/api/v1/namespaces/{self._namespace}/pods/{pod['metadata']['name']}"
                self._kube.patch(where, {"metadata": {"labels": {d.ROLE: role}}})

    def stop(self, name: str, stopped: bool) -> None:
        """End a colour's pods, or let it have them again; the InferenceService stays, with what happened to it."""
        found = self._kube.find(self._service(name))
        if found and (d.STOP in (found["metadata"].get("annotations") or {})) != stopped:
            self._kube.patch(self._service(name), {"metadata": {"annotations": {d.STOP: "true" if stopped else None}}})

    def pods(self, name: str, release: str) -> list[Document]:
        """Return the pods of a colour that are a release's and aren't ending."""
        selector = f"serving.kserve.io/inferenceservice={name},{d.RELEASE}={d.short(release)}"
        found = self._kube.items(f"/api/v1/namespaces/{self._namespace}/pods", labelSelector=selector)
        return [pod for pod in found if not pod["metadata"].get("deletionTimestamp")]

    def look(self, name: str, release: str) -> Seen:
        """Return how a release stands on a colour, by its pods and else by what KServe says."""
        pods = self.pods(name, release)
        restarts = sum(one.get("restartCount", 0) for pod in pods for one in _statuses(pod))
        troubles = [said for pod in pods if (said := reason(pod, "Its server"))]
        wanted = self._wanted(name)
        if len([pod for pod in pods if _ready(pod)]) >= wanted:
            return Seen(ready=True, restarts=restarts)
        final = any(_waits(pod) in _FINAL for pod in pods)
        trouble = troubles[0] if troubles else "" if pods else self._said(name)
        return Seen(ready=False, trouble=trouble, final=final and bool(trouble), restarts=restarts)

    def ready_pods(self, name: str, release: str) -> list[Document]:
        """Return those pods of a release that are ready."""
        return [pod for pod in self.pods(name, release) if _ready(pod)]

    def await_capacity(self, name: str, release: str, least: int) -> None:
        """Wait until a release has as many ready pods as the traffic takes that it is to get.

        Raises:
            ReleaseRejected: it hasn't in time.
        """
        deadline = time.monotonic() + CAPACITY_S
        while (ready := len(self.ready_pods(name, release))) < least:
            if time.monotonic() > deadline:
                raise ReleaseRejected(
                    f"Only {ready} of the {least} servers that its traffic takes were ready in {CAPACITY_S:.0f} s"
                )
            time.sleep(_POLL_S)

    def forget_runtimes(self, template: Document) -> None:
        """Delete the runtimes that neither colour uses."""
        used = {self._file(release).code for release in self.holding().values() if release} | {d.runtime_name(template)}
        for found in self._kube.items(self._runtimes, labelSelector=f"{d.ENDPOINT}={self._endpoint}"):
            name = found["metadata"]["name"]
            if name not in used:
                self._kube.delete(f"{self._runtimes}/{name}")

    def event(self, name: str, what: str, sentence: str, *, bad: bool) -> None:
        """Leave an Event on a colour's InferenceService."""
        found = self._kube.find(self._service(name))
        if found is None:
            return
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._kube.post(
            f"/api/v1/namespaces/{self._namespace}/events",
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"generateName": f"{name}.", "namespace": self._namespace},
                "involvedObject": {
                    "apiVersion": found["apiVersion"],
                    "kind": found["kind"],
                    "name": name,
                    "namespace": self._namespace,
                    "uid": found["metadata"]["uid"],
                },
                "reason": what,
                "message": sentence[:1024],
                "type": "Warning" if bad else "Normal",
                "source": {"component": "perennial"},
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            },
        )

    def _empty(self, name: str) -> None:
        self.stop(name, True)
        selector = f"serving.kserve.io/inferenceservice={name}"
        deadline = time.monotonic() + d.GRACE_S + _LAST_S
        while self._kube.items(f"/api/v1/namespaces/{self._namespace}/pods", labelSelector=selector):
            if time.monotonic() > deadline:
                raise ReleaseRejected(f"The pods of the release that {name} held before don't end")
            time.sleep(_POLL_S)

    def _runtime(self, name: str, template: Document) -> Document:
        """Return the runtime of a release, made where the template still gives it.

        Raises:
            ReleaseRejected: it is gone, and the template gives another one.
        """
        found = self._kube.find(f"{self._runtimes}/{name}")
        if found:
            return found
        if d.runtime_name(template) != name:
            raise ReleaseRejected(
                f"The ServingRuntime {name} that it was made for is gone; 'perennial rollback TASK VERSION' makes a new release"
            )
        return self._kube.apply(f"{self._runtimes}/{name}", d.runtime(template))

    def _file(self, release: str) -> ReleaseFile:
        if release not in self._files:
            self._files[release] = read_release(self._objects, self._endpoint, release)[1]
        return self._files[release]

    def _wanted(self, name: str) -> int:
        found = self._kube.find(self._service(name)) or {}
        return max(1, int(found.get("spec", {}).get("predictor", {}).get("minReplicas", 1)))

    def _said(self, name: str) -> str:
        """Return what KServe says where there is no pod at all."""
        found = self._kube.find(self._service(name)) or {}
        conditions = (found.get("status") or {}).get("conditions") or ()
        said = [one["message"] for one in conditions if one.get("status") == "False" and one.get("message")]
        return f"KServe says: {said[0].rstrip('.')}" if said else ""

    def _service(self, name: str) -> str:
        return f"/apis/serving.kserve.io/v1beta1/namespaces/{self._namespace}/inferenceservices/{name}"

    @property
    def _runtimes(self) -> str:
        return f"/apis/serving.kserve.io/v1alpha1/namespaces/{self._namespace}/servingruntimes"


def _statuses(pod: Document) -> list[Document]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _waits(pod: Document) -> str:
    """Return the reason for which a container of a pod waits."""
    reasons = [(one.get("state", {}).get("waiting") or {}).get("reason", "") for one in _statuses(pod)]
    return next((str(one) for one in reasons if one in _FINAL), "")


def _ready(pod: Document) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _contains(present: Any, wanted: Any) -> bool:
    """Return whether all that is wanted stands in what is there, which may say more."""
    if isinstance(wanted, Mapping):
        return isinstance(present, Mapping) and all(_contains(present.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        same = isinstance(present, list) and len(present) == len(wanted)
        return same and all(_contains(one, other) for one, other in zip(present, wanted, strict=True))
    return bool(present == wanted)

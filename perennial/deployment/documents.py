"""What a release is on a cluster: the objects of an endpoint's two colours, as documents that are applied."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from perennial.catalog.digests import digest_of
from perennial.errors import ClusterError
from perennial.serving.releases import ReleaseFile, release_prefix

Document = dict[str, Any]
COLOURS = ("a", "b")
ENDPOINT, RELEASE, RUN, ROLE = "perennial/endpoint", "perennial/release", "perennial/run", "perennial/role"
STOP = "serving.kserve.io/stop"
SCALER = "serving.kserve.io/autoscalerClass"
FORMAT = "perennial"
CONTAINER = "kserve-container"
HOME = "/home/perennial"
PORT = 80
USER = 10001
GRACE_S = 60
"""Seconds in which a server that is told to end drains: its preStop sleep, then what is in flight."""

_SHORT = 12
_MIN, _MAX, _TARGET = "perennial/min-replicas", "perennial/max-replicas", "perennial/target-cpu"


@dataclass(frozen=True)
class Scale:
    """How many servers a colour has, and the share of its CPU request that makes for more of them, in percent."""

    least: int
    most: int
    target: int

    @classmethod
    def of(cls, template: Document) -> "Scale":
        """Read it from a template's annotations.

        Raises:
            ClusterError: one of them is no number.
        """
        notes = template["metadata"].get("annotations") or {}
        try:
            least = int(notes.get(_MIN, 1))
            return cls(least, max(least, int(notes.get(_MAX, least))), int(notes.get(_TARGET, 70)))
        except ValueError:
            raise ClusterError(
                f"One of the annotations {_MIN}, {_MAX} and {_TARGET} of the ServingRuntime "
                f"'{template['metadata']['name']}' is no whole number. Correct it."
            ) from None

    @property
    def scaler(self) -> str:
        """KServe's word for who scales."""
        return "hpa" if self.most > self.least else "none"


@dataclass(frozen=True)
class Colour:
    """One colour of an endpoint, as it is to be."""

    endpoint: str
    name: str
    namespace: str
    release: str
    run: str
    runtime: str
    scaler: str
    replicas: tuple[int, int]
    target: int

    @property
    def service(self) -> str:
        """The Service that KServe makes for it."""
        return service_of(self.name)


def colour_name(endpoint: str, colour: str) -> str:
    """Return the name of a colour's objects."""
    return f"{endpoint}-{colour}"


def service_of(name: str) -> str:
    """Return the Service that KServe makes for an InferenceService."""
    return f"{name}-predictor"


def short(release: str) -> str:
    """Return a release's digest as it stands in labels."""
    return release[:_SHORT]


def labels(endpoint: str, release: str, run: str) -> dict[str, str]:
    """Return the labels of all that belongs to a release; KServe passes those of an InferenceService on to its pods."""
    return {
        "app.kubernetes.io/name": "endpoint",
        "app.kubernetes.io/component": "endpoint",
        "app.kubernetes.io/part-of": "perennial",
        ENDPOINT: endpoint,
        RELEASE: short(release),
        RUN: re.sub(r"[^A-Za-z0-9_.-]+", "-", run).strip("-_.")[:63],
    }


def runtime_name(template: Document) -> str:
    """Return the name of the runtime that a template would give now: its image and all other settings decide it."""
    return f"{template['metadata']['name']}-{digest_of(template['spec'])[:10]}"


def runtime(template: Document) -> Document:
    """Return the copy of a template under which a release runs; it never changes."""
    about = template["metadata"]
    return {
        "apiVersion": template["apiVersion"],
        "kind": "ServingRuntime",
        "metadata": {
            "name": runtime_name(template),
            "namespace": about["namespace"],
            "labels": {"app.kubernetes.io/part-of": "perennial", ENDPOINT: about["name"]},
        },
        "spec": template["spec"],
    }


def inference_service(colour: Colour, file: ReleaseFile, store: str, runtime: Document) -> Document:
    """Return a colour's InferenceService.

    KServe's own init container isn't admitted where Pod Security is restricted; where there is one of its name it adds none.
    """
    arguments = ["--endpoint", colour.endpoint, "--release", colour.release]
    annotations = {
        "serving.kserve.io/deploymentMode": "Standard",
        SCALER: colour.scaler,
        RELEASE: colour.release,
    }
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": colour.name,
            "namespace": colour.namespace,
            "labels": {
                **labels(colour.endpoint, colour.release, colour.run),
                "networking.kserve.io/visibility": "cluster-local",  # the endpoint's own route is the way in
            },
            "annotations": annotations,
        },
        "spec": {
            "predictor": {
                "serviceAccountName": "endpoint",
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "minReplicas": colour.replicas[0],
                "maxReplicas": colour.replicas[1],
                "scaleMetric": "cpu",
                "scaleTarget": colour.target,
                "terminationGracePeriodSeconds": GRACE_S,
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": USER,
                    "runAsGroup": USER,
                    "fsGroup": USER,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "topologySpreadConstraints": [_spread(key, colour.name) for key in _TOPOLOGY],
                "storageUris": _uris(colour, file, store),
                "initContainers": [_fetching(runtime, ["fetch", *arguments])],
                "model": {"modelFormat": {"name": FORMAT}, "runtime": colour.runtime, "args": ["serve", *arguments]},
            }
        },
    }


_TOPOLOGY = ("topology.kubernetes.io/zone", "kubernetes.io/hostname")


def _spread(key: str, name: str) -> Document:
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"serving.kserve.io/inferenceservice": name}},
    }


def _uris(colour: Colour, file: ReleaseFile, store: str) -> list[Document]:
    prefixes = [release_prefix(colour.endpoint, colour.release)]
    prefixes += sorted({f"backbones/{served.backbone}" for served in file.tasks.values()})
    return [{"uri": f"{store}/{prefix}", "mountPath": f"/mnt/models/{prefix}"} for prefix in prefixes]


def _fetching(runtime: Document, arguments: list[str]) -> Document:
    """Return the init container that brings a release to the home folder which the server shares."""
    server = next(one for one in runtime["spec"]["containers"] if one["name"] == CONTAINER)
    kept = ("image", "imagePullPolicy", "env", "envFrom", "resources", "securityContext", "terminationMessagePolicy")
    mounts = [mount for mount in server.get("volumeMounts", ()) if mount["mountPath"] in (HOME, "/tmp")]  # noqa: S108
    return {
        "name": "storage-initializer",
        **{key: server[key] for key in kept if key in server},
        "args": arguments,
        "volumeMounts": mounts,
    }


def disruption_budget(colour: Colour, role: str) -> Document:
    """Return a colour's PodDisruptionBudget: draining nodes takes one of its pods at a time."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {
            "name": colour.name,
            "namespace": colour.namespace,
            "labels": {**labels(colour.endpoint, colour.release, colour.run), ROLE: role},
        },
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": {"serving.kserve.io/inferenceservice": colour.name}},
        },
    }


def backends(weights: Mapping[str, int]) -> list[Document]:
    """Return a route's backends by the names of Services and their weights; those without any traffic aren't named."""
    return [
        {"group": "", "kind": "Service", "name": name, "port": PORT, "weight": weight}
        for name, weight in sorted(weights.items())
        if weight
    ]


def rules(present: list[Document], ours: set[str], weights: Mapping[str, int]) -> list[Document]:
    """Return a route's rules with these weights: rules that lead elsewhere stay, of ours only the backends change.

    Args:
        present: the rules as they are.
        ours: the names of the Services that weights are about.
        weights: the weight of each.
    """

    def is_ours(rule: Document) -> bool:
        backs = rule.get("backendRefs") or ()
        return all(one["name"] in ours for one in backs) and bool(backs or not rule.get("filters"))

    changed = [{**rule, "backendRefs": backends(weights)} if is_ours(rule) else rule for rule in present]
    if any(is_ours(rule) for rule in present):
        return changed
    return [*changed, {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": backends(weights)}]


def replicas(scale: Scale, serving: int, share: int) -> tuple[int, int]:
    """Return least and most servers of a colour that takes ``share`` percent over from ``serving`` ones."""
    least = max(scale.least, math.ceil(serving * share / 100))
    return least, max(scale.most, least)


def owner_of(document: Document, *path: str) -> str | None:
    """Return who last set a field that is owned as a whole, by the API server's record of field managers."""
    for entry in document["metadata"].get("managedFields") or ():
        fields = entry.get("fieldsV1") or {}
        for part in path:
            fields = fields.get(f"f:{part}")
            if fields is None:
                break
        else:
            return str(entry["manager"])
    return None

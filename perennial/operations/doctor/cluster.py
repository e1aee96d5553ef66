"""An installation on a cluster: what must be there before it, what it consists of, and the rights of its accounts."""

from collections.abc import Iterator

from perennial.errors import ClusterError
from perennial.kube.api import Kube
from perennial.operations.doctor.check import Check, guarded
from perennial.operations.doctor.endpoints import endpoints
from perennial.operations.doctor.installation import claims, namespace, secrets, store, workloads
from perennial.operations.doctor.platform import gateway, kserve, pipelines
from perennial.operations.doctor.rights import rights
from perennial.settings import Settings


def examine_cluster(settings: Settings) -> list[Check]:
    """Return all checks of a cluster but those of the pipelines' own API; without the cluster's API there is one alone."""
    try:
        kube = Kube()
        version = kube.get("/version")["gitVersion"]
    except ClusterError as error:
        return [Check("Kubernetes", "missing", str(error))]
    return [Check("Kubernetes", "ok", f"{version} at {kube.server}"), *_parts(kube, settings)]


def _parts(kube: Kube, settings: Settings) -> Iterator[Check]:
    yield from guarded("Kubeflow Pipelines", lambda: pipelines(kube, settings.kfp_namespace))
    yield from guarded("KServe", lambda: kserve(kube))
    yield from guarded("Gateway API", lambda: gateway(kube))
    yield from guarded("namespace", lambda: namespace(kube, settings.namespace))
    yield from guarded("Secrets", lambda: secrets(kube, settings))
    yield from guarded("volumes", lambda: claims(kube, settings.namespace))
    yield from guarded("workloads", lambda: workloads(kube, settings.namespace))
    yield from guarded("endpoints", lambda: endpoints(kube, settings.namespace))
    yield from guarded("rights", lambda: rights(kube, settings))
    yield from guarded("store", lambda: store(settings))

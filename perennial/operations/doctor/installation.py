"""What an installation consists of: namespace, Secrets, volumes, workloads and the store."""

from collections.abc import Iterator

from perennial.catalog.objects import Objects
from perennial.errors import StoreError
from perennial.kube.api import Document, Kube
from perennial.kube.pod_reasons import reason
from perennial.operations.cluster_secrets import CONFIG
from perennial.operations.doctor.check import PROBE, Check
from perennial.operations.wanted import CONTACT, MAY_BE_EMPTY, OWN, PIPELINES
from perennial.settings import Settings

_PART = "app.kubernetes.io/part-of=perennial"
_APPLY = "apply the manifests"
_AGAIN = "look at the log of set-up, which makes it: kubectl -n perennial logs deployment/set-up"
_ENFORCE = "pod-security.kubernetes.io/enforce"


def namespace(kube: Kube, name: str) -> Iterator[Check]:
    """Check the namespace and its Pod Security."""
    found = kube.find(f"/api/v1/namespaces/{name}")
    if found is None:
        yield Check(f"namespace {name}", "missing", f"The namespace {name} isn't there: {_APPLY}.")
        return
    level = (found["metadata"].get("labels") or {}).get(_ENFORCE, "none")
    if level == "restricted":
        yield Check(f"namespace {name}", "ok", "Pod Security restricted is enforced")
    else:
        yield Check(f"namespace {name}", "wrong", f"Pod Security is {level}, not restricted: {_APPLY}, which label it.")


def secrets(kube: Kube, settings: Settings) -> Iterator[Check]:
    """Check that each Secret has its keys; values are not looked at."""
    config = (kube.find(f"/api/v1/namespaces/{settings.namespace}/configmaps/{CONFIG}") or {}).get("data")
    if config is None:
        yield Check(f"ConfigMap {CONFIG}", "missing", f"The ConfigMap {CONFIG} isn't there: {_APPLY}.")
    elif contact := config.get(CONTACT):
        yield Check("contact", "ok", contact)
    else:
        yield Check("contact", "not asked", f"Sources on the web aren't asked while the overlay gives no {CONTACT}.")
    own_minio = kube.find(f"/apis/apps/v1/namespaces/{settings.namespace}/statefulsets/minio") is not None
    places = [(settings.namespace, wanted) for wanted in OWN if own_minio or wanted.name != "minio-root"]
    for space, wanted in [*places, *((settings.kfp_namespace, wanted) for wanted in PIPELINES)]:
        keys = {*wanted.made, *(key for key in wanted.repeated if key in (config or {}))}
        found = kube.find(f"/api/v1/namespaces/{space}/secrets/{wanted.name}")
        there = (found or {}).get("data") or {}
        lacking = sorted(key for key in keys if not (there.get(key) or (key in there and key in MAY_BE_EMPTY)))
        what = f"Secret {space}/{wanted.name}"
        if found is None:
            yield Check(what, "missing", f"It isn't there: {_AGAIN}.")
        elif lacking:
            yield Check(what, "wrong", f"It has no {' and no '.join(lacking)}: {_AGAIN}, or add what is missing.")
        else:
            yield Check(what, "ok", ", ".join(sorted(keys)))


def claims(kube: Kube, name: str) -> Iterator[Check]:
    """Check that volumes were found for all claims."""
    for claim in kube.items(f"/api/v1/namespaces/{name}/persistentvolumeclaims"):
        about, phase = claim["metadata"]["name"], claim["status"].get("phase")
        size = (claim["status"].get("capacity") or {}).get("storage", "")
        if phase == "Bound":
            yield Check(f"volume {about}", "ok", f"bound, {size}")
        else:
            see = f"see 'kubectl -n {name} describe pvc {about}'"
            yield Check(f"volume {about}", "wrong", f"The claim is {phase}: make a volume or a default StorageClass; {see}.")


def workloads(kube: Kube, name: str) -> Iterator[Check]:
    """Check that each Deployment and StatefulSet of the installation is ready, and say why where it isn't."""
    found = [one for kind in ("deployments", "statefulsets") for one in kube.items(_of(name, kind), labelSelector=_PART)]
    for wanted in ("set-up", "mlflow", "dashboard"):
        if all(one["metadata"]["name"] != wanted for one in found):
            yield Check(f"{name}/{wanted}", "missing", f"{wanted} isn't there: {_APPLY}.")
    yield from (workload(kube, one) for one in found)


def workload(kube: Kube, found: Document) -> Check:
    """Check that a Deployment or StatefulSet has all its pods ready."""
    about, status = found["metadata"], found.get("status") or {}
    what, wanted, ready = (
        f"{about['namespace']}/{about['name']}",
        found["spec"].get("replicas", 1),
        status.get("readyReplicas", 0),
    )
    if ready >= wanted:
        return Check(what, "ok", f"{ready} of {wanted} pods ready")
    return Check(what, "wrong", _why(kube, found, f"{ready} of {wanted} pods are ready; wait, or read its log."))


def store(settings: Settings) -> Iterator[Check]:
    """Check that the store can be written, where it can be reached from here."""
    if not settings.store.startswith("s3://"):
        yield Check(
            "store",
            "not asked",
            "PERENNIAL_STORE names no bucket here. To try it, forward MinIO's port and set PERENNIAL_STORE and the AWS_… "
            "variables; a full or forbidden bucket is seen in the runs as well.",
        )
        return
    try:
        objects = Objects.open(settings.store)
        objects.put(PROBE, b"by perennial doctor")
        objects.delete(PROBE)
    except StoreError as error:
        yield Check("store", "wrong", str(error))
    else:
        yield Check("store", "ok", f"{settings.store} can be written")


def _why(kube: Kube, owner: Document, otherwise: str) -> str:
    """Return what keeps the pods of a workload from running."""
    selector = ",".join(f"{key}={value}" for key, value in owner["spec"]["selector"]["matchLabels"].items())
    pods = kube.items(f"/api/v1/namespaces/{owner['metadata']['namespace']}/pods", labelSelector=selector)
    found = [said for pod in pods if (said := reason(pod, owner["metadata"]["name"]))]
    return found[0] if found else otherwise


def _of(namespace: str, kind: str) -> str:
    return f"/apis/apps/v1/namespaces/{namespace}/{kind}"

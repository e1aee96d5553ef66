"""What must be on a cluster before Perennial: Kubeflow Pipelines and KServe; and what makes releases smoother: a Gateway API."""

from collections.abc import Iterator

from perennial.kube.api import Document, Kube
from perennial.operations.doctor.check import Check
from perennial.operations.doctor.installation import workload

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_DEPLOYMENTS = "apis/apps/v1"
_PIPELINES = ("ml-pipeline", "ml-pipeline-persistenceagent", "ml-pipeline-scheduledworkflow", "workflow-controller")
_CONTROLLER = "kserve-controller-manager"
_UNSPLIT = "releases are switched without a split, and no endpoint has a name outside"


def pipelines(kube: Kube, namespace: str) -> Iterator[Check]:
    """Check that what runs pipelines runs itself."""
    if kube.find(f"{_CRDS}/scheduledworkflows.kubeflow.org") is None:
        yield Check("Kubeflow Pipelines", "missing", "The cluster knows no recurring runs: install Kubeflow Pipelines.")
    for name in _PIPELINES:
        found = kube.find(f"/{_DEPLOYMENTS}/namespaces/{namespace}/deployments/{name}")
        if found is None:
            sentence = "isn't there: install Kubeflow Pipelines, or correct PERENNIAL_KFP_NAMESPACE"
            yield Check(f"{namespace}/{name}", "missing", f"{name} {sentence}.")
        else:
            yield workload(kube, found)


def kserve(kube: Kube) -> Iterator[Check]:
    """Check KServe's resource and its controller."""
    crd = kube.find(f"{_CRDS}/inferenceservices.serving.kserve.io")
    if crd is None:
        yield Check("KServe", "missing", "The cluster knows no InferenceService: install KServe.")
        return
    everywhere = kube.items(f"/{_DEPLOYMENTS}/deployments", fieldSelector=f"metadata.name={_CONTROLLER}")
    if not everywhere:
        yield Check("KServe", "missing", f"There is no Deployment {_CONTROLLER}: install KServe's controller.")
    for found in everywhere:
        checked = workload(kube, found)
        if checked.bad:
            yield checked
        else:
            image = found["spec"]["template"]["spec"]["containers"][0]["image"]
            yield Check("KServe", "ok", f"serves {', '.join(_versions(crd))}; controller {image}")


def gateway(kube: Kube) -> Iterator[Check]:
    """Check the Gateway API's resources, and that something implements them; releases can do without."""
    crds = {name: kube.find(f"{_CRDS}/{name}.gateway.networking.k8s.io") for name in ("gateways", "httproutes")}
    missing = [name for name, crd in crds.items() if crd is None or "v1" not in _versions(crd)]
    if missing:
        what = " and ".join(missing)
        yield Check("Gateway API", "ok", f"no {what} of version v1: {_UNSPLIT}; install the Gateway API's resources for both")
        return
    notes = ((crds["gateways"] or {}).get("metadata") or {}).get("annotations") or {}
    version = notes.get("gateway.networking.k8s.io/bundle-version", "of unknown version")
    classes = kube.items("/apis/gateway.networking.k8s.io/v1/gatewayclasses")
    accepted = [one["metadata"]["name"] for one in classes if _is(one, "Accepted")]
    if accepted:
        yield Check("Gateway API", "ok", f"{version}; GatewayClass {', '.join(accepted)}")
    elif classes:
        names = ", ".join(one["metadata"]["name"] for one in classes)
        yield Check("Gateway API", "wrong", f"No controller accepts the GatewayClass {names}: install or repair one.")
    else:
        yield Check("Gateway API", "ok", f"{version}, but no GatewayClass: {_UNSPLIT}; install an implementation for both")


def _versions(crd: Document) -> list[str]:
    return [version["name"] for version in crd["spec"]["versions"] if version.get("served")]


def _is(document: Document, kind: str) -> bool:
    conditions = (document.get("status") or {}).get("conditions") or ()
    return any(one["type"] == kind and one["status"] == "True" for one in conditions)

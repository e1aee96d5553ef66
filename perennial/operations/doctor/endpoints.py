"""The endpoints: which colour serves, whether its route is accepted and its pods may be drained and scaled."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from perennial.kube.api import Document, Kube
from perennial.kube.routes import condition, refused
from perennial.operations.doctor.check import Check

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_TEMPLATES = "app.kubernetes.io/component=endpoint"
_COLOUR = "serving.kserve.io/inferenceservice"
_APPLY = "apply the manifests"
_RECONCILE = "run 'perennial reconcile'"


@dataclass(frozen=True)
class Endpoint:
    """What the cluster says of one endpoint; ``serving`` is the colour that its Service names, empty before the first release."""

    name: str
    template: Document
    serving: str
    colours: dict[str, Document]
    budgets: dict[str, Document]


def endpoints(kube: Kube, namespace: str) -> Iterator[Check]:
    """Check each endpoint that has a template in the namespace."""
    templates = kube.items(f"{_kserve('v1alpha1', namespace)}/servingruntimes", labelSelector=_TEMPLATES)
    templates = [one for one in templates if "perennial/endpoint" not in _labels(one)]  # a copy, made for a release
    if not templates:
        yield Check("endpoints", "missing", f"There is none: {_APPLY}, with components/endpoint.")
        return
    colours = kube.items(f"{_kserve('v1beta1', namespace)}/inferenceservices")
    budgets = {_name(one): one for one in kube.items(f"/apis/policy/v1/namespaces/{namespace}/poddisruptionbudgets")}
    for template in templates:
        name = _name(template)
        service = kube.find(f"/api/v1/namespaces/{namespace}/services/{name}")
        if service is None:
            yield Check(f"endpoint {name}", "missing", f"The Service {name} isn't there: {_APPLY}.")
            continue
        serving = (service["spec"].get("selector") or {}).get(_COLOUR, "")
        own = {_name(one): one for one in colours if _labels(one).get("perennial/endpoint") == name}
        endpoint = Endpoint(name, template, serving, own, budgets)
        yield _release(endpoint, namespace)
        yield _route(kube, endpoint, namespace)
        yield _pods(kube, endpoint, namespace)


def _release(endpoint: Endpoint, namespace: str) -> Check:
    what, serving = f"endpoint {endpoint.name}", endpoint.serving
    others = [_said(endpoint, name) for name in sorted(endpoint.colours) if name != serving]
    if not serving:
        return Check(what, "ok", "; ".join(["no release yet", *others]))
    if serving not in endpoint.colours:
        sentence = f"Its Service sends requests to {serving}, and no such InferenceService is of this endpoint: {_RECONCILE}."
        return Check(what, "wrong", sentence)
    if why := _not_ready(endpoint.colours[serving]):
        see = f"see 'kubectl -n {namespace} describe isvc {serving}'"
        return Check(what, "wrong", f"{serving}, which serves, isn't ready: {why}; {see}.")
    return Check(what, "ok", "; ".join([f"serves by {_said(endpoint, serving)}", *others]))


def _said(endpoint: Endpoint, name: str) -> str:
    """Return what a colour is: its role, its release, and how it stands."""
    colour = endpoint.colours[name]
    role = _labels(endpoint.budgets.get(name, {})).get("perennial/role", "no role yet")
    stopped = (colour["metadata"].get("annotations") or {}).get("serving.kserve.io/stop") == "true"
    stands = "stopped" if stopped else "not ready" if _not_ready(colour) else "ready"
    return f"{name} ({role}, release {_labels(colour).get('perennial/release', 'unknown')}, {stands})"


def _not_ready(colour: Document) -> str:
    """Return why a colour isn't ready, or nothing."""
    ready = condition(colour.get("status") or {}, "Ready")
    if ready.get("status") == "True":
        return ""
    return str(ready.get("message") or ready.get("reason") or "KServe hasn't looked at it yet")


def _route(kube: Kube, endpoint: Endpoint, namespace: str) -> Check:
    what = f"route {endpoint.name}"
    route = kube.find(f"/apis/gateway.networking.k8s.io/v1/namespaces/{namespace}/httproutes/{endpoint.name}")
    if route is None:
        there = kube.find(f"{_CRDS}/httproutes.gateway.networking.k8s.io") is not None
        why = f"no HTTPRoute {endpoint.name}, so no Gateway API for it" if there else "no Gateway API"
        return Check(what, "ok", f"{why}: releases are switched without a split")
    owners = [one["name"] for one in route["metadata"].get("ownerReferences") or () if one["kind"] == "InferenceService"]
    if owners:
        sentence = f"It belongs to the InferenceService {owners[0]}, and KServe deletes the one with the other"
        return Check(what, "wrong", f"{sentence}: take the owner away first, as manifests/README.md says under Upgrading.")
    if why := refused(route):
        see = f"see 'kubectl -n {namespace} describe httproute {endpoint.name}'"
        return Check(what, "wrong", f"No Gateway takes it: {why}; {see}.")
    backends = list(chain.from_iterable(rule.get("backendRefs") or () for rule in route["spec"].get("rules") or ()))
    if endpoint.serving and not backends:
        return Check(what, "wrong", f"It sends requests nowhere, though {endpoint.serving} serves: {_RECONCILE}.")
    shares = ", ".join(f"{one['name'].removesuffix('-predictor')} {one.get('weight', 1)}" for one in backends)
    hosts = ", ".join(route["spec"].get("hostnames") or ("any host",))
    return Check(what, "ok", f"{hosts}: {f'weights {shares}' if shares else 'no release yet'}")


def _pods(kube: Kube, endpoint: Endpoint, namespace: str) -> Check:
    what, notes = f"pods of {endpoint.name}", endpoint.template["metadata"].get("annotations") or {}
    least, most = (str(notes.get(f"perennial/{name}-replicas", "1")) for name in ("min", "max"))
    if not (least.isdigit() and most.isdigit() and 0 < int(least) <= int(most)):
        sentence = (
            f"perennial/min-replicas is '{least}' and perennial/max-replicas '{most}': give whole numbers, the first from 1"
        )
        return Check(what, "wrong", f"{sentence} and no larger than the second.")
    scales = int(most) > int(least)
    if scales and kube.find("/apis/metrics.k8s.io/v1beta1") is None:
        sentence = f"The cluster has no metrics API (metrics.k8s.io), so there are never more than {least} however much is asked"
        return Check(what, "wrong", f"{sentence}: install a metrics server, or set perennial/max-replicas to {least}.")
    wanted = f"{least} to {most}, by CPU" if scales else least
    if endpoint.serving not in endpoint.colours:
        return Check(what, "ok", f"{wanted}, once there is a release")
    if endpoint.serving not in endpoint.budgets:
        sentence = f"{endpoint.serving} has no PodDisruptionBudget, so draining nodes may take all its pods at once"
        return Check(what, "wrong", f"{sentence}: {_RECONCILE}.")
    scalers = kube.items(f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers") if scales else []
    if scales and all(_name(one) != f"{endpoint.serving}-predictor" for one in scalers):
        return Check(what, "wrong", f"{endpoint.serving} has no HorizontalPodAutoscaler and stays at {least}: {_RECONCILE}.")
    return Check(what, "ok", f"{wanted}; drained one at a time")


def _labels(document: Document) -> dict[str, str]:
    return (document.get("metadata") or {}).get("labels") or {}


def _name(document: Document) -> str:
    return str(document["metadata"]["name"])


def _kserve(version: str, namespace: str) -> str:
    return f"/apis/serving.kserve.io/{version}/namespaces/{namespace}"

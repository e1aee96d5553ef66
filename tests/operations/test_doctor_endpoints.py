"""The doctor on endpoints: which colour serves, who takes its route, what happens when a node is drained."""

from typing import Any

import pytest

from perennial.operations.doctor import Check
from perennial.operations.doctor.endpoints import endpoints
from tests.operations.fake_kube import Document, FakeKube

KSERVE, POLICY = "/apis/serving.kserve.io", "/apis/policy/v1/namespaces/perennial/poddisruptionbudgets"
RUNTIMES = f"{KSERVE}/v1alpha1/namespaces/perennial/servingruntimes"
COLOURS = f"{KSERVE}/v1beta1/namespaces/perennial/inferenceservices"
SERVICE = "/api/v1/namespaces/perennial/services/demo"
ROUTE = "/apis/gateway.networking.k8s.io/v1/namespaces/perennial/httproutes/demo"
SCALERS = "/apis/autoscaling/v2/namespaces/perennial/horizontalpodautoscalers"
METRICS = "/apis/metrics.k8s.io/v1beta1"
GATEWAY = {"name": "edge", "namespace": "gateways"}
Documents = dict[str, Document]


def condition(kind: str, status: str, message: str = "") -> Document:
    return {"conditions": [{"type": kind, "status": status, "message": message}]}


def colour(name: str, *, ready: bool = True, stopped: bool = False) -> Document:
    about = {"name": name, "labels": {"perennial/endpoint": "demo", "perennial/release": f"{name[-1] * 12}"}}
    notes = {"serving.kserve.io/stop": "true"} if stopped else {}
    return {"metadata": {**about, "annotations": notes}, "status": condition("Ready", str(ready), "" if ready else "it crashed")}


def budget(name: str, role: str) -> Document:
    return {"metadata": {"name": name, "labels": {"perennial/endpoint": "demo", "perennial/role": role}}}


def template(least: str = "1", most: str = "1") -> Document:
    return {"metadata": {"name": "demo", "annotations": {"perennial/min-replicas": least, "perennial/max-replicas": most}}}


def route(*backends: tuple[str, int], **about: Any) -> Document:
    refs = [{"name": f"{name}-predictor", "weight": weight} for name, weight in backends]
    return {
        "metadata": {"name": "demo", "namespace": "perennial", **about},
        "spec": {"parentRefs": [GATEWAY], "hostnames": ["demo.example.com"], "rules": [{"backendRefs": refs}]},
        "status": {"parents": [{"parentRef": GATEWAY, **condition("Accepted", "True")}]},
    }


@pytest.fixture
def released() -> Documents:
    """An endpoint by the manifests, of which one colour serves and the other is stopped."""
    copy = {"metadata": {"name": "demo-0123456789", "labels": {"perennial/endpoint": "demo"}}}
    return {
        RUNTIMES: {"items": [template(), copy]},
        SERVICE: {"spec": {"selector": {"serving.kserve.io/inferenceservice": "demo-a"}}},
        COLOURS: {"items": [colour("demo-a"), colour("demo-b", ready=False, stopped=True)]},
        POLICY: {"items": [budget("demo-a", "stable"), budget("demo-b", "previous")]},
        ROUTE: route(("demo-a", 100), ("demo-b", 0)),
    }


def examined(documents: Documents) -> dict[str, Check]:
    kube: Any = FakeKube(documents)
    return {check.what: check for check in endpoints(kube, "perennial")}


def wrong(documents: Documents) -> str:
    (check,) = [check for check in examined(documents).values() if check.bad]
    assert check.state == "wrong"
    return f"{check.what}: {check.sentence}"


def test_who_serves_is_said_and_a_stopped_previous_colour_is_fine(released: Documents) -> None:
    found = examined(released)
    assert {check.state for check in found.values()} == {"ok"}
    assert found["endpoint demo"].sentence == (
        "serves by demo-a (stable, release aaaaaaaaaaaa, ready); demo-b (previous, release bbbbbbbbbbbb, stopped)"
    )
    assert found["route demo"].sentence == "demo.example.com: weights demo-a 100, demo-b 0"
    assert found["pods of demo"].sentence == "1; drained one at a time"


def test_before_the_first_release_nothing_is_wrong(released: Documents) -> None:
    fresh = {**released, SERVICE: {"spec": {}}, COLOURS: {}, POLICY: {}, ROUTE: route()}
    found = examined(fresh)
    assert {check.state for check in found.values()} == {"ok"}
    assert found["endpoint demo"].sentence == "no release yet"


def test_an_endpoint_that_is_not_there() -> None:
    (check,) = examined({}).values()
    assert (check.state, "components/endpoint" in check.sentence) == ("missing", True)
    (check,) = examined({RUNTIMES: {"items": [template()]}}).values()
    assert (check.state, "Service demo" in check.sentence) == ("missing", True)


def test_a_serving_colour_that_is_down_or_gone(released: Documents) -> None:
    released[COLOURS]["items"][0] = colour("demo-a", ready=False)
    assert wrong(released).startswith("endpoint demo: demo-a, which serves, isn't ready: it crashed")
    del released[COLOURS]["items"][0]
    assert wrong(released).startswith("endpoint demo: Its Service sends requests to demo-a, and no such InferenceService")


def test_without_a_route_releases_are_switched_without_a_split(released: Documents) -> None:
    del released[ROUTE]
    assert examined(released)["route demo"] == Check("route demo", "ok", "no Gateway API: releases are switched without a split")
    released["/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io"] = {}
    assert examined(released)["route demo"].sentence.startswith("no HTTPRoute demo")


def test_a_route_that_nobody_takes_or_that_leads_nowhere(released: Documents) -> None:
    refused = condition("Accepted", "False", "no listener has this host")
    released[ROUTE]["status"] = {"parents": [{"parentRef": GATEWAY, **refused}]}
    assert "No Gateway takes it: no listener has this host" in wrong(released)
    released[ROUTE]["status"] = {}
    assert "nobody speaks for the Gateway gateways/edge" in wrong(released)
    former = {"parentRef": {**GATEWAY, "name": "former"}, **condition("Accepted", "True")}
    released[ROUTE]["status"] = {"parents": [former]}
    assert "nobody speaks for the Gateway gateways/edge" in wrong(released)
    released[ROUTE] = route()
    assert "It sends requests nowhere, though demo-a serves" in wrong(released)


def test_a_route_that_goes_with_the_inference_service_of_an_older_installation(released: Documents) -> None:
    released[ROUTE] = route(("demo", 1), ownerReferences=[{"kind": "InferenceService", "name": "demo"}])
    assert "KServe deletes the one with the other: take the owner away first" in wrong(released)


def test_scaling_needs_the_metrics_api_and_a_scaler(released: Documents) -> None:
    released[RUNTIMES]["items"][0] = template("2", "6")
    assert "no metrics API (metrics.k8s.io), so there are never more than 2" in wrong(released)
    released[METRICS] = {}
    assert "demo-a has no HorizontalPodAutoscaler" in wrong(released)
    released[SCALERS] = {"items": [{"metadata": {"name": "demo-a-predictor"}}]}
    assert examined(released)["pods of demo"].sentence == "2 to 6, by CPU; drained one at a time"


def test_a_colour_without_a_budget_may_lose_all_its_pods_at_once(released: Documents) -> None:
    del released[POLICY]["items"][0]
    assert "demo-a has no PodDisruptionBudget" in wrong(released)


@pytest.mark.parametrize(("least", "most"), [("0", "1"), ("3", "2"), ("two", "2")])
def test_replicas_that_are_no_range(released: Documents, least: str, most: str) -> None:
    released[RUNTIMES]["items"][0] = template(least, most)
    assert f"perennial/min-replicas is '{least}' and perennial/max-replicas '{most}'" in wrong(released)

"""What a release is on a cluster, as documents."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from perennial.deployment import documents as d
from perennial.serving.releases import ReleaseFile, ServedModel

VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
MANIFEST = Path(__file__).parents[2] / "manifests/components/endpoint/endpoint.yaml"
RELEASE = "c" * 64
COLOUR = d.Colour("demo", "demo-a", "perennial", RELEASE, "run-1", "demo-0123456789", "hpa", (2, 5), 70)


@pytest.fixture
def template() -> d.Document:
    """The endpoint's ServingRuntime as the manifests have it."""
    found: d.Document = next(
        one for one in yaml.safe_load_all(MANIFEST.read_text(encoding="utf-8")) if one["kind"] == "ServingRuntime"
    )
    return found


def file(**backbones: str) -> ReleaseFile:
    """Return what a release holds whose tasks rest on these backbones."""
    tasks = {task: ServedModel(model="m" * 64, version=1, backbone=backbone) for task, backbone in backbones.items()}
    return ReleaseFile(endpoint="demo", tasks=tasks, code=COLOUR.runtime, files={})


def service(template: d.Document, **backbones: str) -> dict[str, Any]:
    document = d.inference_service(COLOUR, file(**(backbones or {"demo": "b" * 64})), "s3://perennial/store", template)
    predictor: dict[str, Any] = document["spec"]["predictor"]
    return predictor


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all that a document says."""
    if isinstance(value, dict):
        return [found for key, part in value.items() for found in leaves(part, (*path, key))]
    if isinstance(value, list):
        return [found for number, part in enumerate(value) for found in leaves(part, (*path, number))]
    return [path]


def changed(document: d.Document, path: tuple[Any, ...]) -> d.Document:
    other = copy.deepcopy(document)
    holder = other
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = [holder[path[-1]], "changed"]
    return other


def test_a_runtimes_name_depends_on_all_of_the_spec(template: d.Document) -> None:
    name = d.runtime_name(template)
    assert re.fullmatch("demo-[0-9a-f]{10}", name)
    others = [d.runtime_name({**template, "spec": changed(template["spec"], path)}) for path in leaves(template["spec"])]
    assert len(others) > 40
    assert len({name, *others}) == 1 + len(others)


def test_and_on_nothing_else(template: d.Document) -> None:
    noisy = copy.deepcopy(template)
    noisy["metadata"] |= {
        "resourceVersion": "7",
        "managedFields": [],
        "labels": {},
        "annotations": {"perennial/max-replicas": "9"},
    }
    noisy["status"] = {"ready": True}
    noisy["spec"] = dict(reversed(noisy["spec"].items()))
    assert d.runtime_name(noisy) == d.runtime_name(template)
    assert d.runtime(noisy) == d.runtime(template)


def test_a_runtime_is_the_template_under_its_own_name(template: d.Document) -> None:
    made = d.runtime(template)
    assert made["spec"] == template["spec"]
    assert made["metadata"]["name"] == d.runtime_name(template)
    assert made["metadata"]["labels"][d.ENDPOINT] == "demo"


def test_foreign_rules_of_a_route_stay() -> None:
    ours = {"demo-a-predictor", "demo-b-predictor"}
    foreign = {"matches": [{"path": {"value": "/docs"}}], "backendRefs": [{"name": "docs", "port": 80}]}
    mixed = {"backendRefs": [{"name": "demo-a-predictor", "port": 80}, {"name": "docs", "port": 80}]}
    mine = {
        "matches": [{"path": {"value": "/v1"}}],
        "timeouts": {"request": "9s"},
        "backendRefs": d.backends({"demo-a-predictor": 1}),
    }
    weights = {"demo-a-predictor": 90, "demo-b-predictor": 10}
    assert d.rules([foreign, mine, mixed], ours, weights) == [foreign, {**mine, "backendRefs": d.backends(weights)}, mixed]
    first, own = d.rules([foreign], ours, weights)
    assert first == foreign
    assert own == {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}], "backendRefs": d.backends(weights)}
    assert d.rules([], ours, weights) == [own]
    assert d.rules([own], ours, weights) == [own]


def test_a_rule_that_redirects_stays() -> None:
    redirect = {"matches": [{"path": {"value": "/old"}}], "filters": [{"type": "RequestRedirect"}]}
    assert d.rules([redirect], {"demo-a-predictor"}, {"demo-a-predictor": 100})[0] == redirect


def test_the_rule_that_the_cluster_writes_by_itself_becomes_ours() -> None:
    default = {"matches": [{"path": {"type": "PathPrefix", "value": "/"}}]}
    weights = {"demo-a-predictor": 100}
    assert d.rules([default], set(weights), weights) == [{**default, "backendRefs": d.backends(weights)}]


def test_backends_without_traffic_are_not_named() -> None:
    assert d.backends({"b": 0, "a": 100}) == [{"group": "", "kind": "Service", "name": "a", "port": 80, "weight": 100}]
    assert [one["name"] for one in d.backends({"b": 50, "a": 50})] == ["a", "b"]


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 20), st.integers(0, 100))
def test_a_colour_has_what_its_share_takes(least: int, more: int, serving: int, share: int) -> None:
    low, high = d.replicas(d.Scale(least, least + more, 70), serving, share)
    assert least <= low <= high
    assert 100 * low >= serving * share
    assert low == least or 100 * (low - 1) < serving * share
    assert high == max(least + more, low)


@pytest.mark.parametrize(
    ("notes", "scale", "scaler"),
    [
        (None, d.Scale(1, 1, 70), "none"),
        ({"perennial/min-replicas": "2", "perennial/max-replicas": "6", "perennial/target-cpu": "50"}, d.Scale(2, 6, 50), "hpa"),
        ({"perennial/min-replicas": "3", "perennial/max-replicas": "2"}, d.Scale(3, 3, 70), "none"),
    ],
)
def test_scale_is_read_from_the_annotations(notes: dict[str, str] | None, scale: d.Scale, scaler: str) -> None:
    read = d.Scale.of({"metadata": {"annotations": notes}})
    assert (read, read.scaler) == (scale, scaler)


@given(st.text(max_size=200))
def test_labels_are_valid_for_any_run(run: str) -> None:
    for value in d.labels("demo", RELEASE, run).values():
        assert VALUE.fullmatch(value)
        assert len(value) <= 63


@given(st.from_regex(r"\A[a-z0-9-]{1,60}\Z"))
def test_a_run_is_found_by_its_label(run: str) -> None:
    assert d.labels("demo", RELEASE, run)[d.RUN] == run.strip("-")


def test_every_container_of_a_server_is_restricted(template: d.Document) -> None:
    predictor = service(template)
    pod = predictor["securityContext"]
    assert pod["runAsNonRoot"]
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    server = next(one for one in template["spec"]["containers"] if one["name"] == d.CONTAINER)
    for container in [*predictor["initContainers"], server]:
        own = container["securityContext"]
        assert own["runAsNonRoot"], container["name"]
        assert own["runAsUser"] == pod["runAsUser"] == d.USER
        assert own["readOnlyRootFilesystem"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert own["seccompProfile"] == {"type": "RuntimeDefault"}
    assert predictor["automountServiceAccountToken"] is False


def test_what_is_fetched_before_is_where_the_server_looks(template: d.Document) -> None:
    predictor = service(template)
    (fetching,) = predictor["initContainers"]
    server = next(one for one in template["spec"]["containers"] if one["name"] == d.CONTAINER)
    assert fetching["name"] == "storage-initializer"
    assert fetching["image"] == server["image"]
    assert fetching["envFrom"] == server["envFrom"]
    assert fetching["resources"] == server["resources"]
    assert [mount["name"] for mount in fetching["volumeMounts"]] == ["home", "tmp"]
    assert all(mount in server["volumeMounts"] for mount in fetching["volumeMounts"])
    assert fetching["args"] == ["fetch", "--endpoint", "demo", "--release", RELEASE]
    assert predictor["model"]["args"] == ["serve", *fetching["args"][1:]]
    assert predictor["model"]["runtime"] == COLOUR.runtime


def test_every_backbone_is_named_once(template: d.Document) -> None:
    uris = service(template, doors="2" * 64, walls="1" * 64, roofs="2" * 64)["storageUris"]
    found = [f"releases/demo/{RELEASE}", f"backbones/{'1' * 64}", f"backbones/{'2' * 64}"]
    assert uris == [{"uri": f"s3://perennial/store/{prefix}", "mountPath": f"/mnt/models/{prefix}"} for prefix in found]


def test_an_inference_service_says_what_it_holds(template: d.Document) -> None:
    document = d.inference_service(COLOUR, file(demo="b" * 64), "s3://perennial/store", template)
    about = document["metadata"]
    assert (about["name"], about["namespace"]) == ("demo-a", "perennial")
    assert about["annotations"][d.RELEASE] == RELEASE
    assert about["labels"][d.RELEASE] == RELEASE[:12]
    assert about["labels"]["networking.kserve.io/visibility"] == "cluster-local"
    assert d.ROLE not in about["labels"]
    predictor = document["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"], predictor["scaleTarget"]) == (2, 5, 70)
    assert COLOUR.service == "demo-a-predictor"


def test_one_pod_of_a_colour_is_drained_at_a_time() -> None:
    budget = d.disruption_budget(COLOUR, "canary")
    assert budget["metadata"]["labels"][d.ROLE] == "canary"
    assert budget["spec"] == {
        "maxUnavailable": 1,
        "selector": {"matchLabels": {"serving.kserve.io/inferenceservice": "demo-a"}},
    }


def test_who_set_a_field_last() -> None:
    entries = [
        {"manager": "manifests", "fieldsV1": {"f:spec": {"f:hostnames": {}}}},
        {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:rules": {}}}},
    ]
    route = {"metadata": {"managedFields": entries}}
    assert d.owner_of(route, "spec", "rules") == "kubectl-edit"
    assert d.owner_of(route, "spec", "parentRefs") is None
    assert d.owner_of({"metadata": {}}, "spec", "rules") is None

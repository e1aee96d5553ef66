"""The doctor: what is missing is named, with what to do."""

from pathlib import Path
from typing import Any

import pytest

from perennial.kube.api import Refused
from perennial.operations.doctor import Check, examine_here, guarded
from perennial.operations.doctor.installation import claims, namespace, secrets, store, workloads
from perennial.operations.doctor.platform import gateway, kserve, pipelines
from perennial.operations.doctor.rights import RELEASE, rights
from perennial.operations.wanted import OWN, PIPELINES
from perennial.settings import Settings
from tests.operations.fake_kube import FakeKube

Document = dict[str, Any]
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def crd(version: str = "v1", **annotations: str) -> Document:
    return {"metadata": {"annotations": annotations}, "spec": {"versions": [{"name": version, "served": True}]}}


def deployment(name: str, ready: int = 1) -> Document:
    pod = {"spec": {"containers": [{"image": f"{name}:1"}]}}
    return {
        "metadata": {"name": name, "namespace": "perennial"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": pod},
        "status": {"readyReplicas": ready},
    }


def bad(checks: Any) -> list[Check]:
    return [check for check in checks if check.bad]


def test_an_empty_cluster_lacks_everything() -> None:
    kube: Any = FakeKube()
    found = [*pipelines(kube, "kubeflow"), *kserve(kube), *namespace(kube, "perennial")]
    assert {check.state for check in found} == {"missing"}
    told = " ".join(check.sentence for check in found)
    for part in ("install Kubeflow Pipelines", "install KServe", "apply the manifests"):
        assert part in told


def test_without_a_gateway_api_releases_are_switched_without_a_split() -> None:
    kube: Any = FakeKube()
    (check,) = gateway(kube)
    assert check.state == "ok"
    assert "releases are switched without a split" in check.sentence
    kube = FakeKube({f"{CRDS}/{name}.gateway.networking.k8s.io": crd() for name in ("gateways", "httproutes")})
    (check,) = gateway(kube)
    assert (check.state, "no GatewayClass: releases are switched" in check.sentence) == ("ok", True)


def test_a_gateway_class_that_nobody_accepts_is_named() -> None:
    documents = {f"{CRDS}/{name}.gateway.networking.k8s.io": crd() for name in ("gateways", "httproutes")}
    classes = {"items": [{"metadata": {"name": "edge"}, "status": {"conditions": [{"type": "Accepted", "status": "Unknown"}]}}]}
    kube: Any = FakeKube({**documents, "/apis/gateway.networking.k8s.io/v1/gatewayclasses": classes})
    (check,) = gateway(kube)
    assert (check.state, "edge" in check.sentence) == ("wrong", True)


def test_kserve_and_its_controller() -> None:
    found = {"items": [deployment("kserve-controller-manager")]}
    kube: Any = FakeKube({f"{CRDS}/inferenceservices.serving.kserve.io": crd("v1beta1"), "/apis/apps/v1/deployments": found})
    (check,) = kserve(kube)
    assert (check.state, check.sentence) == ("ok", "serves v1beta1; controller kserve-controller-manager:1")


def all_secrets() -> dict[str, Document]:
    config = {"PERENNIAL_MLFLOW": "x", "PERENNIAL_STORE": "x"}
    places = [("perennial", wanted) for wanted in OWN] + [("kubeflow", wanted) for wanted in PIPELINES]
    made = {
        f"/api/v1/namespaces/{space}/secrets/{wanted.name}": {
            "data": dict.fromkeys({*wanted.made, *(key for key in wanted.repeated if key in config)}, "c2VjcmV0")
        }
        for space, wanted in places
    }
    return {**made, "/api/v1/namespaces/perennial/configmaps/perennial": {"data": config}}


def test_secrets_are_named_with_their_keys_and_never_with_values() -> None:
    documents = all_secrets()
    kube: Any = FakeKube(documents)
    found = list(secrets(kube, Settings.load()))
    assert not bad(found)
    assert "c2VjcmV0" not in str(found)
    assert "secret" not in "".join(check.sentence for check in found)
    del documents["/api/v1/namespaces/kubeflow/secrets/perennial-store"]
    del documents["/api/v1/namespaces/perennial/secrets/postgres"]["data"]["MLFLOW_DB_PASSWORD"]
    assert [(check.what, check.state) for check in bad(secrets(kube, Settings.load()))] == [
        ("Secret perennial/postgres", "wrong"),
        ("Secret kubeflow/perennial-store", "missing"),
    ]


def test_keys_are_empty_where_pods_have_roles_and_passwords_never() -> None:
    documents = all_secrets()
    store = documents["/api/v1/namespaces/kubeflow/secrets/perennial-store"]["data"]
    store |= {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    kube: Any = FakeKube(documents)
    assert not bad(secrets(kube, Settings.load()))
    documents["/api/v1/namespaces/perennial/secrets/postgres"]["data"]["MLFLOW_DB_PASSWORD"] = ""
    assert [check.what for check in bad(secrets(kube, Settings.load()))] == ["Secret perennial/postgres"]


def test_it_says_whether_sources_on_the_web_are_asked() -> None:
    documents = all_secrets()
    config = documents["/api/v1/namespaces/perennial/configmaps/perennial"]["data"]
    kube: Any = FakeKube(documents)
    for contact, state in (("", "not asked"), ("ada@example.org", "ok")):
        config["PERENNIAL_CONTACT"] = contact
        assert [check.state for check in secrets(kube, Settings.load()) if check.what == "contact"] == [state]


def test_a_workload_that_is_not_ready_says_why_by_its_pod() -> None:
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    pod = {
        "metadata": {"name": "mlflow-1", "namespace": "perennial"},
        "spec": {"containers": []},
        "status": {
            "phase": "Pending",
            "containerStatuses": [{"name": "mlflow", "image": "perennial-mlflow:0", "state": waiting}],
        },
    }
    kube: Any = FakeKube(
        {
            "/apis/apps/v1/namespaces/perennial/deployments": {
                "items": [deployment("mlflow", ready=0), deployment("dashboard"), deployment("set-up")]
            },
            "/api/v1/namespaces/perennial/pods": {"items": [pod]},
        }
    )
    (check,) = bad(workloads(kube, "perennial"))
    assert (check.what, check.state) == ("perennial/mlflow", "wrong")
    assert "perennial-mlflow:0 can't be pulled" in check.sentence


def test_a_claim_without_a_volume() -> None:
    claim = {"metadata": {"name": "data-minio-0"}, "status": {"phase": "Pending"}}
    kube: Any = FakeKube({"/api/v1/namespaces/perennial/persistentvolumeclaims": {"items": [claim]}})
    (check,) = claims(kube, "perennial")
    assert (check.state, "StorageClass" in check.sentence) == ("wrong", True)


def test_rights_that_are_missing_and_rights_that_are_too_many() -> None:
    places = {"kubeflow": ("perennial-pipeline",), "perennial": ("set-up", "mlflow", "dashboard")}
    accounts = {f"/api/v1/namespaces/{space}/serviceaccounts/{name}": {} for space, names in places.items() for name in names}
    needed = {
        "perennial-pipeline create workflowtaskresults",
        "perennial-pipeline get pods",
        "perennial-pipeline list pods",
        "set-up create secrets",
        "set-up patch secrets",
        *(f"perennial-pipeline {verb} {resource}" for (_, resource), verbs in RELEASE.items() for verb in verbs),
    }
    settings = Settings.load()
    whole: Any = FakeKube(accounts, needed)
    assert not bad(rights(whole, settings))
    less: Any = FakeKube(accounts, needed - {"perennial-pipeline create workflowtaskresults"})
    (check,) = bad(rights(less, settings))
    assert "may not create workflowtaskresults in kubeflow" in check.sentence
    less = FakeKube(accounts, needed - {"perennial-pipeline patch httproutes"})
    (check,) = bad(rights(less, settings))
    assert (check.what, check.state) == ("account kubeflow/perennial-pipeline, releases", "wrong")
    assert "may not patch httproutes in perennial" in check.sentence
    more: Any = FakeKube(accounts, needed | {"mlflow list secrets"})
    (check,) = bad(rights(more, settings))
    assert (check.what, "list secrets in perennial" in check.sentence) == ("account perennial/mlflow", True)
    nobody: Any = FakeKube()
    assert {check.state for check in rights(nobody, settings)} == {"missing"}


def test_what_may_not_be_asked_is_wrong_rather_than_a_crash() -> None:
    def refuse() -> Any:
        raise Refused("Kubernetes refused GET secrets: forbidden.", 403)

    assert guarded("Secrets", refuse) == [Check("Secrets", "wrong", "Kubernetes refused GET secrets: forbidden.")]


def test_a_bucket_that_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("ENDPOINT_URL", "http://127.0.0.1:9"), ("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{name}", value)
    (check,) = store(Settings.load(store="s3://bucket/state"))
    assert (check.state, "s3://bucket" in check.sentence) == ("wrong", True)
    (check,) = store(Settings.load(store=""))
    assert check.state == "not asked"


def test_this_machine(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path / "state", tasks=tmp_path / "tasks")
    assert not bad(examine_here(settings))
    assert not (tmp_path / "state").exists()
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks" / "torn.yaml").write_text("name: torn\nclases: [a]\n")
    (check,) = bad(examine_here(settings))
    assert (check.what, "did you mean" in check.sentence) == ("task torn", True)

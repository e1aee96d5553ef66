"""The overlays as kubectl renders them: what every pod has, what no file holds."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.operations.set_up import OWN, PIPELINES
from perennial.task import load_task

MANIFESTS = Path(__file__).parents[2] / "manifests"
WORKLOADS = ("Deployment", "StatefulSet", "InferenceService")
Document = dict[str, Any]

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl isn't on PATH")


def rendered(folder: Path) -> list[Document]:
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=["dev", "production"])
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return rendered(MANIFESTS / "overlays" / request.param)


def pods(documents: list[Document]) -> dict[str, tuple[dict[str, str], Document]]:
    """Return the labels and the specification of each workload's pods, by kind and name."""
    found = {}
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "InferenceService":
            labels = document["metadata"]["labels"] | {"serving.kserve.io/inferenceservice": document["metadata"]["name"]}
            found[name] = (labels, document["spec"]["predictor"])
        elif document["kind"] in WORKLOADS:
            template = document["spec"]["template"]
            found[name] = (template["metadata"]["labels"], template["spec"])
    return found


def selects(selector: Document, labels: dict[str, str]) -> bool:
    """Say whether a selector takes a pod with these labels."""
    values = [rule for rule in selector.get("matchExpressions", ()) if rule["operator"] == "In"]
    exists = [rule["key"] for rule in selector.get("matchExpressions", ()) if rule["operator"] == "Exists"]
    return (
        selector.get("matchLabels", {}).items() <= labels.items()
        and all(labels.get(rule["key"]) in rule["values"] for rule in values)
        and all(key in labels for key in exists)
    )


def test_every_container_has_probes_limits_and_no_rights(documents: list[Document]) -> None:
    for name, (_, spec) in pods(documents).items():
        inside = spec["securityContext"]
        assert inside["runAsNonRoot"], name
        assert inside["seccompProfile"]["type"] == "RuntimeDefault", name
        assert spec["enableServiceLinks"] is False, name
        for container in spec["containers"]:
            assert container["resources"]["requests"].keys() == container["resources"]["limits"].keys() == {"cpu", "memory"}, name
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["imagePullPolicy"] == "IfNotPresent", name
            assert {"startupProbe", "readinessProbe", "livenessProbe"} <= container.keys(), name


def test_every_image_has_a_tag(documents: list[Document]) -> None:
    for name, (_, spec) in pods(documents).items():
        for container in spec["containers"]:
            image, _, tag = container["image"].rpartition(":")
            assert image, name
            assert tag != "latest", name


def test_no_secret_and_one_config_map(documents: list[Document]) -> None:
    kinds = [document["kind"] for document in documents]
    assert "Secret" not in kinds
    assert kinds.count("ConfigMap") == 1


def test_each_secret_that_a_pod_reads_is_one_that_set_up_makes(documents: list[Document]) -> None:
    made = {wanted.name for wanted in OWN}
    for name, (_, spec) in pods(documents).items():
        for container in spec["containers"]:
            sources = [source["secretRef"]["name"] for source in container.get("envFrom", ()) if "secretRef" in source]
            keys = [
                entry["valueFrom"]["secretKeyRef"]
                for entry in container.get("env", ())
                if "secretKeyRef" in entry.get("valueFrom", {})
            ]
            assert {*sources, *(key["name"] for key in keys)} <= made, name


def test_an_endpoint_starts_without_the_secret_of_those_who_may_give_feedback(documents: list[Document]) -> None:
    endpoints = [spec for name, (_, spec) in pods(documents).items() if name.startswith("InferenceService/")]
    for spec in endpoints:
        (secret,) = [volume["secret"] for volume in spec["volumes"] if "secret" in volume]
        assert (secret["secretName"], secret["optional"], oct(secret["defaultMode"])) == ("feedback-tokens", True, "0o440")
        (container,) = spec["containers"]
        (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "feedback-tokens"]
        (file,) = [entry["value"] for entry in container["env"] if entry["name"] == "PERENNIAL_FEEDBACK_TOKENS"]
        assert mount["readOnly"] is True
        assert file == f"{mount['mountPath']}/feedback-tokens.yaml"


def test_set_up_may_change_the_secrets_that_it_makes(documents: list[Document]) -> None:
    named = {
        document["metadata"]["namespace"]: rule["resourceNames"]
        for document in documents
        if document["kind"] == "Role" and document["metadata"]["name"].endswith("set-up")
        for rule in document["rules"]
        if rule["resources"] == ["secrets"] and "resourceNames" in rule
    }
    assert {namespace: sorted(names) for namespace, names in named.items()} == {
        "perennial": sorted(wanted.name for wanted in OWN),
        "kubeflow": sorted(wanted.name for wanted in PIPELINES),
    }


def test_only_set_up_has_a_token(documents: list[Document]) -> None:
    for document in documents:
        if document["kind"] == "ServiceAccount" and document["metadata"]["namespace"] == "perennial":
            assert document["automountServiceAccountToken"] is False, document["metadata"]["name"]
    assert [name for name, (_, spec) in pods(documents).items() if spec.get("automountServiceAccountToken")] == [
        "Deployment/set-up"
    ]


def test_each_pod_has_a_network_policy_of_its_own_beside_the_one_that_denies_all(documents: list[Document]) -> None:
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    own = [policy for policy in policies if policy["podSelector"]]
    for name, (labels, _) in pods(documents).items():
        assert any(selects(policy["podSelector"], labels) for policy in own), name


def test_each_object_says_what_it_is_part_of(documents: list[Document]) -> None:
    for document in documents:
        labels = document["metadata"].get("labels", {})
        assert labels.get("app.kubernetes.io/part-of") == "perennial", (document["kind"], document["metadata"]["name"])


def test_development_asks_for_less_than_one_processor() -> None:
    asked = [
        int(container["resources"]["requests"]["cpu"].removesuffix("m"))
        for _, spec in pods(rendered(MANIFESTS / "overlays" / "dev")).values()
        for container in spec["containers"]
    ]
    assert sum(asked) < 1000


def test_the_demo_task_is_read() -> None:
    task = load_task(str(MANIFESTS / "overlays" / "dev" / "demo.yaml"))
    assert (task.name, task.endpoint_name, bool(task.schedule)) == ("demo", "demo", True)


def test_without_minio_and_postgres_nothing_asks_for_them(tmp_path: Path) -> None:
    folder = tmp_path / "overlay"
    folder.mkdir()
    names = ("pipeline-access", "endpoint", "managed-postgres", "own-bucket", "images")
    places = [
        Path("..", *[".."] * len(tmp_path.parts[1:]), *MANIFESTS.parts[1:], part)
        for part in ("base", *(f"components/{n}" for n in names))
    ]
    overlay = {"resources": [str(places[0])], "components": [str(place) for place in places[1:]]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    documents = rendered(folder)
    assert not [name for name in pods(documents) if name.startswith("StatefulSet/")]
    policies = [document["spec"] for document in documents if document["kind"] == "NetworkPolicy"]
    asked = {
        label
        for policy in policies
        for rule in policy.get("egress", ())
        for to in rule.get("to", ())
        for label in to["podSelector"].get("matchLabels", {}).values()
    }
    assert not asked & {"minio", "postgres"}
    assert pods(documents)["Deployment/set-up"][1]["containers"][0]["args"][:2] == ["set-up", "--own-bucket"]

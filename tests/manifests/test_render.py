"""The overlays as kubectl renders them: what every pod has, what no file holds."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.images import NAMES, ON_REQUEST, kustomize
from perennial.operations.doctor.rights import RELEASE
from perennial.operations.wanted import OWN, PIPELINES
from perennial.task import load_task
from tests.stages import Named, named

MANIFESTS = Path(__file__).parents[2] / "manifests"
WORKLOADS = ("Deployment", "StatefulSet")
RESTRICTED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
Document = dict[str, Any]

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl isn't on PATH")


def rendered(folder: Path) -> list[Document]:
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module", params=["dev", "production"])
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return rendered(MANIFESTS / "overlays" / request.param)


@pytest.fixture
def bumped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the manifests as 'make bump' leaves them."""
    monkeypatch.setenv("PERENNIAL_TAG", "v7")
    shutil.copytree(MANIFESTS, tmp_path / "manifests")
    kustomize("ghcr.io/acme/", tmp_path, {name: f"sha256:{'a' * 64}" for name in NAMES if name not in ON_REQUEST})
    return tmp_path / "manifests"


def overlay(tmp_path: Path, *components: str, manifests: Path = MANIFESTS) -> list[Document]:
    """Render the base with these components."""
    folder = tmp_path / "overlay"
    folder.mkdir()
    up = Path("..", *[".."] * len(tmp_path.parts[1:]), *manifests.parts[1:])
    named = {"resources": [str(up / "base")], "components": [str(up / "components" / name) for name in components]}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(named))
    return rendered(folder)


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    return [document for document in documents if document["kind"] == kind]


def pods(documents: list[Document]) -> dict[str, tuple[dict[str, str], Document]]:
    """Return the labels and the specification of each workload's pods, by kind and name; of an endpoint, one colour's."""
    found = {}
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "ServingRuntime":
            found[name] = ({"serving.kserve.io/inferenceservice": f"{document['metadata']['name']}-a"}, document["spec"])
        elif document["kind"] in (*WORKLOADS, "CronJob"):
            spec = document["spec"]["jobTemplate"]["spec"] if document["kind"] == "CronJob" else document["spec"]
            found[name] = (spec["template"]["metadata"]["labels"], spec["template"]["spec"])
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


def test_every_container_is_restricted_and_has_limits_and_probes(documents: list[Document]) -> None:
    for name, (_, spec) in pods(documents).items():
        runtime = name.startswith("ServingRuntime/")  # has no place for what is the pod's own; the deployer says that
        assert runtime or spec["enableServiceLinks"] is False, name
        for container in spec["containers"]:
            inside = spec.get("securityContext", {}) | container["securityContext"]
            assert RESTRICTED.items() <= inside.items(), name
            assert (inside["runAsNonRoot"], inside["runAsUser"], inside["runAsGroup"]) == (True, 10001, 10001), name
            assert inside["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert container["resources"]["requests"].keys() == container["resources"]["limits"].keys() == {"cpu", "memory"}, name
            assert container["imagePullPolicy"] == "IfNotPresent", name
            probes = {"startupProbe", "readinessProbe", "livenessProbe"}
            assert name.startswith("CronJob/") or probes <= container.keys(), name


def images(documents: list[Document]) -> list[Named]:
    return [named(container["image"]) for _, spec in pods(documents).values() for container in spec["containers"]]


def test_every_image_has_a_tag(documents: list[Document]) -> None:
    assert not [image for image in images(documents) if image.tag in ("", "latest")]


@pytest.mark.parametrize("overlay", ["dev", "production"])
def test_what_make_bump_writes_names_every_image_by_digest(bumped: Path, overlay: str) -> None:
    own = [image for image in images(rendered(bumped / "overlays" / overlay)) if image.name != "minio"]
    assert {(image.place, image.tag, image.digest) for image in own} == {("ghcr.io/acme/", "v7", f"sha256:{'a' * 64}")}


def test_what_make_bump_writes_names_the_image_for_gpus_by_its_tag(bumped: Path, tmp_path: Path) -> None:
    check_gpu(overlay(tmp_path, "pipeline-access", "endpoint", "endpoint-gpu", "images", manifests=bumped))


def test_no_secret_and_one_config_map(documents: list[Document]) -> None:
    kinds = [document["kind"] for document in documents]
    assert "Secret" not in kinds
    assert kinds.count("ConfigMap") == 1


def test_each_secret_that_a_pod_reads_is_one_that_set_up_makes(documents: list[Document]) -> None:
    for name, (_, spec) in pods(documents).items():
        made = {wanted.name for wanted in (PIPELINES if name.startswith("CronJob/") else OWN)}
        for container in spec["containers"]:
            sources = [source["secretRef"]["name"] for source in container.get("envFrom", ()) if "secretRef" in source]
            keys = [
                entry["valueFrom"]["secretKeyRef"]
                for entry in container.get("env", ())
                if "secretKeyRef" in entry.get("valueFrom", {})
            ]
            assert {*sources, *(key["name"] for key in keys)} <= made, name


def test_an_endpoint_starts_without_the_secret_of_those_who_may_give_feedback(documents: list[Document]) -> None:
    endpoints = [spec for name, (_, spec) in pods(documents).items() if name.startswith("ServingRuntime/")]
    assert endpoints
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


def test_only_set_up_and_reconcile_have_a_token(documents: list[Document]) -> None:
    for document in of_kind(documents, "ServiceAccount"):
        if document["metadata"]["namespace"] == "perennial":
            assert document["automountServiceAccountToken"] is False, document["metadata"]["name"]
    assert [name for name, (_, spec) in pods(documents).items() if spec.get("automountServiceAccountToken")] == [
        "Deployment/set-up",
        "CronJob/perennial-reconcile",
    ]


def test_whoever_releases_may_do_what_the_doctor_asks_for_and_nothing_else(documents: list[Document]) -> None:
    (role,) = [one for one in of_kind(documents, "Role") if one["metadata"]["name"] == "perennial-release"]
    assert role["metadata"]["namespace"] == "perennial"
    given = {(group, kind): tuple(r["verbs"]) for r in role["rules"] for group in r["apiGroups"] for kind in r["resources"]}
    assert given == RELEASE
    (binding,) = [one for one in of_kind(documents, "RoleBinding") if one["metadata"]["name"] == "perennial-release"]
    assert binding["metadata"]["namespace"] == "perennial"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "perennial-pipeline", "namespace": "kubeflow"}]


def test_the_manifests_leave_to_the_deployer_what_is_its_own(documents: list[Document]) -> None:
    (runtime,) = of_kind(documents, "ServingRuntime")
    named = runtime["metadata"]["name"]
    (service,) = [one for one in of_kind(documents, "Service") if one["metadata"]["name"] == named]
    assert "selector" not in service["spec"]
    assert [(port["port"], port["targetPort"]) for port in service["spec"]["ports"]] == [(80, 8080)]
    (route,) = of_kind(documents, "HTTPRoute")
    assert route["metadata"]["name"] == named
    assert route["spec"].keys() == {"parentRefs", "hostnames"}
    assert not of_kind(documents, "InferenceService")
    assert not of_kind(documents, "PodDisruptionBudget")


def test_the_template_is_taken_by_nobody_unasked_and_drains(documents: list[Document]) -> None:
    (runtime,) = of_kind(documents, "ServingRuntime")
    assert runtime["spec"]["supportedModelFormats"] == [{"name": "perennial", "version": "1", "autoSelect": False}]
    notes = runtime["metadata"]["annotations"]
    least, most = int(notes["perennial/min-replicas"]), int(notes["perennial/max-replicas"])
    assert 1 <= least <= most
    (container,) = runtime["spec"]["containers"]
    assert container["name"] == "kserve-container"
    assert "args" not in container  # they name the release
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 10}}}
    assert container["terminationMessagePolicy"] == "FallbackToLogsOnError"
    paths = [container[probe]["httpGet"]["path"] for probe in ("startupProbe", "readinessProbe", "livenessProbe")]
    assert paths == ["/v2/health/ready", "/v2/health/ready", "/v2/health/live"]


@pytest.mark.parametrize("name", ["perennial-reconcile", "perennial-tidy"])
def test_cron_jobs_run_one_at_a_time_and_are_let_in_where_they_ask(documents: list[Document], name: str) -> None:
    (job,) = [one for one in of_kind(documents, "CronJob") if one["metadata"]["name"] == name]
    assert job["metadata"]["namespace"] == "kubeflow"
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    labels, spec = pods(documents)[f"CronJob/{name}"]
    assert spec["serviceAccountName"] == "perennial-pipeline"
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(documents, "NetworkPolicy")}
    for asked in ("minio", "mlflow"):
        (rule,) = policies[asked]["ingress"]
        peers = [peer for peer in rule["from"] if "namespaceSelector" in peer]
        assert any(selects(peer["podSelector"], labels) for peer in peers), asked
        assert all(peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "kubeflow"} for peer in peers)
    assert "from" not in policies["endpoint"]["ingress"][0]


def test_each_pod_has_a_network_policy_of_its_own_beside_the_one_that_denies_all(documents: list[Document]) -> None:
    policies = [document["spec"] for document in of_kind(documents, "NetworkPolicy")]
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies
    own = [policy for policy in policies if policy["podSelector"]]
    for name, (labels, _) in pods(documents).items():
        # what Kubeflow's namespace lets out is its owner's to say
        assert name.startswith("CronJob/") or any(selects(policy["podSelector"], labels) for policy in own), name


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


def test_production_renames_the_endpoint_and_scales_it() -> None:
    documents = rendered(MANIFESTS / "overlays" / "production")
    (runtime,) = of_kind(documents, "ServingRuntime")
    assert runtime["metadata"]["name"] == "regions"
    assert runtime["metadata"]["annotations"]["perennial/min-replicas"] == "2"
    assert runtime["metadata"]["annotations"]["perennial/max-replicas"] == "6"
    assert of_kind(documents, "HTTPRoute")[0]["spec"]["hostnames"] == ["regions.example.com"]


def test_on_a_gpu_an_endpoint_has_the_image_and_the_node_for_it(tmp_path: Path) -> None:
    check_gpu(overlay(tmp_path, "pipeline-access", "endpoint", "endpoint-gpu", "images"))


def check_gpu(documents: list[Document]) -> None:
    (runtime,) = of_kind(documents, "ServingRuntime")
    (container,) = runtime["spec"]["containers"]
    image = named(container["image"])
    assert image.name == "perennial-server-cuda"
    assert image.tag
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert runtime["spec"]["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert runtime["spec"]["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert not of_kind(documents, "HTTPRoute")


def test_minio_notifies_the_inbox_and_nobody_else_does(documents: list[Document]) -> None:
    (minio,) = pods(documents)["StatefulSet/minio"][1]["containers"]
    variables = {entry["name"]: entry for entry in minio["env"]}
    (service,) = [one for one in of_kind(documents, "Service") if one["metadata"]["name"] == "inbox"]
    port = service["spec"]["ports"][0]["port"]
    assert variables["MINIO_NOTIFY_WEBHOOK_ENDPOINT_INBOX"]["value"] == f"http://inbox.perennial:{port}/"
    token = variables["MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_INBOX"]["valueFrom"]["secretKeyRef"]
    labels, spec = pods(documents)["Deployment/inbox"]
    assert {"secretRef": {"name": token["name"]}} in spec["containers"][0]["envFrom"]
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(documents, "NetworkPolicy")}
    (let_in,) = policies["inbox"]["ingress"]
    assert [peer["podSelector"]["matchLabels"] for peer in let_in["from"]] == [{"app.kubernetes.io/name": "minio"}]
    (let_out,) = policies["minio-inbox"]["egress"]
    assert [selects(peer["podSelector"], labels) for peer in let_out["to"]] == [True]
    assert let_in["ports"] == let_out["ports"] == [{"port": port, "protocol": "TCP"}]


def test_without_minio_and_postgres_nothing_asks_for_them(tmp_path: Path) -> None:
    documents = overlay(tmp_path, "pipeline-access", "endpoint", "inbox", "managed-postgres", "own-bucket", "images")
    assert not [name for name in pods(documents) if name.startswith("StatefulSet/")]
    policies = [document["spec"] for document in of_kind(documents, "NetworkPolicy")]
    asked = {
        label
        for policy in policies
        for rule in policy.get("egress", ())
        for to in rule.get("to", ())
        for label in to["podSelector"].get("matchLabels", {}).values()
    }
    assert not asked & {"minio", "postgres"}
    assert pods(documents)["Deployment/set-up"][1]["containers"][0]["args"][:2] == ["set-up", "--own-bucket"]

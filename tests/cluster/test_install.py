"""Installing, installing again, and taking down."""

import json

import pytest

from tests.cluster import kubectl as k
from tests.cluster.installation import Installation

RIGHTS = [
    ("perennial-pipeline", k.PIPELINES, "create", "workflowtaskresults.argoproj.io", True),
    ("perennial-pipeline", k.PIPELINES, "list", "pods", True),
    ("perennial-pipeline", k.PIPELINES, "get", "secrets/perennial-store", False),
    ("perennial-pipeline", k.PIPELINES, "get", "secrets/mysql-secret", False),
    ("perennial-pipeline", k.PIPELINES, "create", "pods", False),
    ("perennial-pipeline", k.NAMESPACE, "get", "secrets/minio-root", False),
    ("set-up", k.NAMESPACE, "patch", "secrets/minio-root", True),
    ("set-up", k.PIPELINES, "get", "secrets/mysql-secret", False),
    ("set-up", k.NAMESPACE, "delete", "secrets/minio-root", False),
    ("mlflow", k.NAMESPACE, "list", "pods", False),
    ("dashboard", k.NAMESPACE, "get", "secrets/store-server", False),
    ("inbox", k.NAMESPACE, "get", "secrets/store-inbox", False),
]


def test_applied_again_nothing_changes(installed: Installation) -> None:
    said = k.apply()
    assert said
    assert [line for line in said if not line.endswith("unchanged")] == []


def test_every_pod_passes_the_restricted_profile(installed: Installation) -> None:
    labels = k.objects("namespace", k.NAMESPACE)[0]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = k.objects("pod", "-n", k.NAMESPACE)
    assert {"minio-0", "postgres-0"} <= {pod["metadata"]["name"] for pod in pods}
    for pod in pods:
        spec = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
        bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "again", "namespace": k.NAMESPACE}, "spec": spec}
        said = k.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(bare), ok=False)
        assert "created (server dry run)" in said, said


def test_a_pod_that_asks_for_more_is_refused(installed: Installation) -> None:
    said = k.kubectl("-n", k.NAMESPACE, "run", "rooted", f"--image={k.image('perennial-step')}", "--dry-run=server", ok=False)
    assert 'violates PodSecurity "restricted' in said


@pytest.mark.parametrize(("account", "namespace", "verb", "resource", "allowed"), RIGHTS)
def test_rights(installed: Installation, account: str, namespace: str, verb: str, resource: str, allowed: bool) -> None:
    home = k.PIPELINES if account == k.ACCOUNT else k.NAMESPACE
    who = f"--as=system:serviceaccount:{home}:{account}"
    said = k.kubectl("auth", "can-i", verb, resource, "-n", namespace, who, ok=False)
    assert said.split()[0] == ("yes" if allowed else "no")

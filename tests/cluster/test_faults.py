"""What breaks around a run is named in one sentence, by the run and by the doctor, and the next run is none the worse."""

import base64
import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.operations.doctor.check import Check
from tests.cluster import kubectl as k
from tests.cluster.installation import Installation, set_day
from tests.cluster.test_kill import FIRST, LENIENT, executor

BROKEN = FIRST + 40


@pytest.fixture
def task(installed: Installation) -> Path:
    """Return a task whose first model is there."""
    set_day(BROKEN)
    task = installed.task("broken", gate=LENIENT)
    if not installed.registry.versions("broken"):
        assert installed.run(task)["outcome"] == "promoted"
    return task


def doctor(installed: Installation) -> list[Check]:
    """Return what the doctor finds missing or wrong."""
    said = installed.perennial("doctor", "--cluster", "--json", code=None)
    return [check for check in (Check(**one) for one in json.loads(said)) if check.bad]


def patch(kind: str, name: str, namespace: str, change: dict[str, Any]) -> None:
    k.kubectl("-n", namespace, "patch", kind, name, "--type=merge", f"-p={json.dumps(change)}")


@contextlib.contextmanager
def changed_secret(name: str, key: str, value: str) -> Iterator[None]:
    """Give the pipelines another value in a Secret, and keep set-up from making it true."""
    before = k.secret(k.PIPELINES, name)[key]
    k.kubectl("-n", k.NAMESPACE, "scale", "deployment/set-up", "--replicas=0")
    k.kubectl("-n", k.NAMESPACE, "wait", "--for=delete", "pod", "-l", "app.kubernetes.io/name=set-up", "--timeout=60s")
    patch("secret", name, k.PIPELINES, {"data": {key: base64.b64encode(value.encode()).decode()}})
    try:
        yield
    finally:
        patch("secret", name, k.PIPELINES, {"data": {key: base64.b64encode(before.encode()).decode()}})
        k.kubectl("-n", k.NAMESPACE, "scale", "deployment/set-up", "--replicas=1")


def test_a_wrong_secret(installed: Installation, task: Path) -> None:
    with changed_secret("perennial-store", "AWS_SECRET_ACCESS_KEY", "wrong"):
        said = installed.run(task, code=2)
        assert "Check the credentials" in said, said
    assert installed.run(task)["outcome"] == "nothing new"


def test_a_wrong_password_of_mlflow(installed: Installation, task: Path) -> None:
    set_day(BROKEN + 2)
    with changed_secret("perennial-mlflow", "MLFLOW_TRACKING_PASSWORD", "wrong"):
        said = installed.run(task, code=2)
        assert "MLflow" in said, said
        assert "password" in said, said
    assert installed.run(task)["outcome"] == "promoted"


def test_a_full_bucket(installed: Installation, task: Path) -> None:
    from minio import MinioAdmin
    from minio.credentials.providers import StaticProvider

    root = k.secret(k.NAMESPACE, "minio-root")
    admin = MinioAdmin(
        endpoint=os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"),
        credentials=StaticProvider(root["MINIO_ROOT_USER"], root["MINIO_ROOT_PASSWORD"]),
        secure=False,
    )
    set_day(BROKEN + 4)
    admin.bucket_quota_set("perennial", 1024)
    try:
        said = installed.run(task, code=2)
        assert "quota" in said, said
        assert any("quota" in check.sentence for check in doctor(installed))
    finally:
        admin.bucket_quota_clear("perennial")
    assert installed.run(task)["outcome"] == "promoted"


def test_a_forbidden_verb(installed: Installation, task: Path) -> None:
    k.kubectl("-n", k.PIPELINES, "delete", "rolebinding", k.ACCOUNT)
    try:
        said = installed.run(task, code=2)
        assert "forbidden" in said or "right" in said, said
        assert any(k.ACCOUNT in check.sentence + check.what for check in doctor(installed))
    finally:
        k.apply()
    assert not doctor(installed)
    assert installed.run(task)["outcome"] == "nothing new"


def test_an_image_that_is_not_there(installed: Installation, task: Path, tmp_path: Path) -> None:
    set_day(BROKEN + 6)
    run = start_with_missing_image(installed, task, tmp_path)
    k.until(lambda: [check for check in doctor(installed) if MISSING in check.sentence], bool, 120)
    while not installed.api.run(run).ended:
        for name in executor(run, "learn"):  # the deadline that newer back ends set
            k.kubectl("-n", k.PIPELINES, "patch", "pod", name, '-p={"spec": {"activeDeadlineSeconds": 1}}', ok=False)
        time.sleep(2)
    outcome = installed.facts("broken", run, "outcome") or {}
    assert outcome["outcome"] == "failed"
    assert MISSING in outcome["sentence"]
    assert installed.run(task)["outcome"] == "promoted"


MISSING = "perennial-step:not-there"


def start_with_missing_image(installed: Installation, task: Path, folder: Path) -> str:
    """Start a run whose pod learn has an image that nobody ever made."""
    documents = list(yaml.safe_load_all(installed.package.read_text()))
    executors = documents[0]["deploymentSpec"]["executors"]
    executors["exec-learn"]["container"]["image"] = MISSING
    package = folder / "missing.yaml"
    package.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    return installed.start(task, package)


@pytest.mark.parametrize(("number", "server"), [(8, "minio"), (10, "mlflow")])
def test_a_server_killed_during_a_run(installed: Installation, task: Path, number: int, server: str) -> None:
    set_day(BROKEN + number)
    run = installed.start(task)
    k.until(lambda: executor(run, "learn"), bool, 300, 0.2)
    k.kubectl("-n", k.NAMESPACE, "delete", "pod", "-l", f"app.kubernetes.io/name={server}", "--force", "--grace-period=0")
    installed.end(run)
    k.wait_ready()
    k.until(installed.answers, bool, 60)
    outcome = (installed.facts("broken", run, "outcome") or {}).get("outcome")
    after = installed.run(task)["outcome"]
    assert (outcome, after) in (("promoted", "nothing new"), ("failed", "promoted"), (None, "promoted"))

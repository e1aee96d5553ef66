"""The compiled pipeline: the same bytes each time, and all that a cluster needs to know of each pod."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from perennial.operations.wanted import PIPELINES

PODS = {"scrape", "embed", "export", "finetune", "learn", "deploy", "record"}
ON_TRAIN = {"export", "finetune"}
WITH_MLFLOW = {"learn", "deploy", "record"}
ACCELERATOR = "nvidia.com/gpu"
Executors = dict[str, dict[str, Any]]


def compiled(output: Path, **variables: str) -> bytes:
    command = [sys.executable, "-m", "pipelines", "compile", "--output", str(output)]
    given = {"PERENNIAL_IMAGES": "registry.example/team/", "PERENNIAL_TAG": "abc", "PYTHONHASHSEED": "1", **variables}
    subprocess.run(command, env={**os.environ, **given}, check=True)
    return output.read_bytes()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compiled(tmp_path_factory.mktemp("compiled") / "one.yaml")


@pytest.fixture(scope="module")
def spec(package: bytes) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(yaml.safe_load_all(package)))
    return found


@pytest.fixture(scope="module")
def containers(spec: dict[str, Any]) -> Executors:
    return {name: executor["container"] for name, executor in spec["deploymentSpec"]["executors"].items()}


@pytest.fixture(scope="module")
def platform(package: bytes) -> Executors:
    return executors_of(package)


def executors_of(package: bytes) -> Executors:
    found: Executors = list(yaml.safe_load_all(package))[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return found


def pod(executor: str) -> str:
    """Return the component that an executor runs: each use in the pipeline has an executor of its own, exec-learn-2."""
    return executor.removeprefix("exec-").rstrip("0123456789").rstrip("-")


def tasks(spec: dict[str, Any]) -> dict[str, dict[str, Any]]:
    dags = [spec["root"], *(component for component in spec["components"].values() if "dag" in component)]
    return {name: task for component in dags for name, task in component["dag"]["tasks"].items()}


def test_same_bytes_whatever_the_hash_seed(package: bytes, tmp_path: Path) -> None:
    assert compiled(tmp_path / "deep" / "two.yaml", PYTHONHASHSEED="2") == package


def test_every_pod_runs_the_given_image_and_installs_nothing(containers: Executors) -> None:
    assert {pod(name) for name in containers} == PODS
    for name, container in containers.items():
        image = "perennial-train" if pod(name) in ON_TRAIN else "perennial-step"
        assert container["image"] == f"registry.example/team/{image}:abc"
        assert "pip install" not in " ".join(container["command"])


def test_every_pod_has_resources(containers: Executors) -> None:
    for name, container in containers.items():
        resources = container["resources"]
        assert resources.keys() >= {"resourceCpuRequest", "resourceCpuLimit", "resourceMemoryRequest", "resourceMemoryLimit"}, (
            name
        )


def test_secrets_go_where_they_are_needed(platform: Executors, containers: Executors) -> None:
    assert platform.keys() == containers.keys()
    for name, settings in platform.items():
        secrets = {secret["secretName"]: {key["envVar"] for key in secret["keyToEnv"]} for secret in settings["secretAsEnv"]}
        assert secrets.keys() == {"perennial-store"} | ({"perennial-mlflow"} if pod(name) in WITH_MLFLOW else set())
        (store,) = (wanted for wanted in PIPELINES if wanted.name == "perennial-store")
        assert secrets["perennial-store"] == {*store.made, *store.repeated} >= {"PERENNIAL_STORE", "PERENNIAL_CONTACT"}


def test_every_pod_has_a_time_limit_and_no_root(platform: Executors) -> None:
    for settings in platform.values():
        assert int(settings["activeDeadlineSeconds"]) > 0
        assert settings["securityContext"] == {"runAsUser": "10001", "runAsGroup": "10001", "runAsNonRoot": True}
        assert settings["imagePullPolicy"] == "IfNotPresent"


def test_every_pod_is_retried_with_back_off_and_never_cached(spec: dict[str, Any]) -> None:
    pods = {name: task for name, task in tasks(spec).items() if pod(name) in PODS}
    assert {pod(name) for name in pods} == PODS
    for task in pods.values():
        assert task["retryPolicy"]["maxRetryCount"] == 2
        assert task["retryPolicy"]["backoffDuration"] == "15s"
        assert not task["cachingOptions"].get("enableCache", False)


def test_only_finetuning_asks_for_an_accelerator(containers: Executors, platform: Executors) -> None:
    for name, settings in platform.items():
        accelerator = containers[name]["resources"].get("accelerator", {})
        if pod(name) != "finetune":
            assert not accelerator
            assert not settings.keys() & {"tolerations", "nodeSelector", "emptyDirMounts"}
            continue
        assert {accelerator.get("resourceType"), accelerator.get("type")} & {ACCELERATOR}
        assert settings["tolerations"] == [{"key": ACCELERATOR, "operator": "Exists", "effect": "NoSchedule"}]
        assert settings["nodeSelector"] == {"labels": {f"{ACCELERATOR}.present": "true"}}
        assert [mount["mountPath"] for mount in settings["emptyDirMounts"]] == ["/dev/shm"]  # noqa: S108


def test_without_an_accelerator_nothing_asks_for_one(tmp_path: Path) -> None:
    package = compiled(tmp_path / "plain.yaml", PERENNIAL_ACCELERATOR="")
    assert b"accelerator" not in package
    for settings in executors_of(package).values():
        assert not settings.keys() & {"tolerations", "nodeSelector", "emptyDirMounts"}


def test_pods_stand_under_their_conditions(spec: dict[str, Any]) -> None:
    inner = {name: set(part["dag"]["tasks"]) for name, part in spec["components"].items() if "dag" in part}
    kinds = {name: {pod(task) for task in found} for name, found in inner.items()}
    assert set(spec["root"]["dag"]["tasks"]) == {"exit-handler-1", "record"}
    assert kinds["comp-exit-handler-1"] == {"scrape", "condition"}
    assert kinds["comp-condition-2"] == {"condition"}
    ways = sorted(sorted(found - {"condition"}) for found in kinds.values() if "learn" in found)
    assert ways == [["embed", "learn"], ["export", "learn"], ["finetune", "learn"], ["learn"]]
    assert sum("deploy" in found for found in kinds.values()) == 4


def test_shards_are_spelt_out(spec: dict[str, Any]) -> None:
    """A pod can't wait for a loop on a cluster."""
    assert "iterator" not in str(spec)
    shards = [task for name, task in tasks(spec).items() if pod(name) == "embed"]
    assert sorted(task["inputs"]["parameters"]["shard"]["runtimeValue"]["constant"] for task in shards) == [0, 1, 2, 3]


def test_without_a_tag_the_content_names_the_images(tmp_path: Path) -> None:
    first = next(iter(yaml.safe_load_all(compiled(tmp_path / "one.yaml", PERENNIAL_TAG="", PERENNIAL_IMAGES=""))))
    images = {executor["container"]["image"] for executor in first["deploymentSpec"]["executors"].values()}
    assert {image.partition(":")[0] for image in images} == {"perennial-step", "perennial-train"}
    assert {len(image.partition(":")[2]) for image in images} == {12}

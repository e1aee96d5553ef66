"""The compiled pipeline: the same bytes each time, and nothing installed when a step starts."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml


def compiled(output: Path, seed: str) -> bytes:
    command = [sys.executable, "-m", "pipelines", "compile", "--output", str(output)]
    subprocess.run(
        command, env={**os.environ, "PYTHONHASHSEED": seed, "PERENNIAL_IMAGE": "registry/perennial@sha256:0"}, check=True
    )
    return output.read_bytes()


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return compiled(tmp_path_factory.mktemp("compiled") / "one.yaml", "1")


@pytest.fixture(scope="module")
def spec(package: bytes) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(yaml.safe_load_all(package)))
    return found


def test_same_bytes_whatever_the_hash_seed(package: bytes, tmp_path: Path) -> None:
    assert compiled(tmp_path / "deep" / "two.yaml", "2") == package


def test_every_step_runs_the_given_image_and_installs_nothing(spec: dict[str, Any]) -> None:
    containers = {name: executor["container"] for name, executor in spec["deploymentSpec"]["executors"].items()}
    assert {name.removeprefix("exec-") for name in containers} == {
        "scrape", "label", "embed", "train", "evaluate", "gate", "deploy", "record",
    }  # fmt: skip
    for container in containers.values():
        assert container["image"] == "registry/perennial@sha256:0"
        assert "pip install" not in " ".join(container["command"])


def test_steps_stand_under_their_conditions(spec: dict[str, Any]) -> None:
    def tasks(component: str) -> set[str]:
        return set(spec["components"][component]["dag"]["tasks"])

    assert set(spec["root"]["dag"]["tasks"]) == {"exit-handler-1", "record"}
    assert tasks("comp-exit-handler-1") == {"scrape", "condition-2"}
    assert tasks("comp-condition-2") == {"label", "embed", "train", "condition-3"}
    assert tasks("comp-condition-3") == {"evaluate", "gate", "condition-4"}
    assert tasks("comp-condition-4") == {"deploy"}

"""What Terraform itself says: the format, what is valid, and its own tests with mocked providers."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.terraform.conftest import Terraform

EVERYTHING = "tests/everything.tftest.hcl"


def test_files_are_formatted(terraform: Terraform, copy: Path) -> None:
    terraform(copy, "fmt", "-check", "-recursive", "-diff")


@pytest.mark.parametrize("folder", [".", "examples/complete", "examples/small"])
def test_configurations_are_valid(terraform: Terraform, ready: Path, folder: str) -> None:
    assert json.loads(terraform(ready / folder, "validate", "-no-tests", "-json"))["diagnostics"] == []


def test_every_module_is_part_of_what_is_validated(ready: Path) -> None:
    known = json.loads((ready / ".terraform" / "modules" / "modules.json").read_text())["Modules"]
    called = {Path(module["Dir"]).name for module in known if module["Key"] and not module["Key"].startswith("test.")}
    assert called == {path.name for path in (ready / "modules").iterdir()}


def test_terraforms_own_tests_pass(terraform: Terraform, ready: Path) -> None:
    files = [path.relative_to(ready) for path in sorted((ready / "tests").glob("*.tftest.hcl"))]
    said = terraform(ready, "test", "-no-color", *(f"-filter={file}" for file in files if str(file) != EVERYTHING))
    assert "0 failed" in said


def test_all_that_can_have_tags_has_them(terraform: Terraform, ready: Path) -> None:
    resources = _planned(terraform(ready, "test", "-json", "-verbose", f"-filter={EVERYTHING}"))
    wanted = {"Project": "perennial", "ManagedBy": "terraform", "Environment": "test"}
    tags = {address: after["tags"] or {} for address, after in resources.items() if "tags" in after}
    assert len(tags) > 60
    assert not [address for address, those in tags.items() if not wanted.items() <= those.items()]


def _planned(said: str) -> dict[str, dict[str, Any]]:
    """Return what each resource will be, from the messages of ``terraform test -json -verbose``."""
    (plan,) = [json.loads(line)["test_plan"] for line in said.splitlines() if '"type":"test_plan"' in line]
    return {one["address"]: one["change"]["after"] for one in plan["resource_changes"] if one["mode"] == "managed"}

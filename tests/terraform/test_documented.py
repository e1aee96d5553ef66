"""Every variable and output says what it is, the README's tables are current, and what is locked is pinned."""

import re
from pathlib import Path

import pytest

from tests.terraform.tables import README, ROOT, blocks, tables, written

FILES = {"main.tf", "variables.tf", "outputs.tf", "versions.tf"}
MODULES = sorted(path.parent for path in ROOT.rglob("variables.tf") if ".terraform" not in path.parts)
COMMANDS = (
    "terraform apply",
    "make images",
    "output -raw overlay",
    "perennial doctor --cluster",
    "perennial schedule",
    "destroy",
)


@pytest.mark.parametrize("folder", MODULES, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_a_module_has_four_files_and_says_what_it_takes_and_gives(folder: Path) -> None:
    assert {path.name for path in folder.glob("*.tf")} == FILES
    for block in [*blocks(folder / "variables.tf"), *blocks(folder / "outputs.tf")]:
        assert block.description.endswith("."), block.name
        assert "type" in block.attributes or block.kind == "output", block.name
        assert "value" in block.attributes or block.kind == "variable", block.name
    assert re.search(r'required_version = ">= [\d.]+, < [\d.]+"', (folder / "versions.tf").read_text())


def test_providers_are_pinned() -> None:
    found = [found for folder in MODULES for found in re.findall(r' version += "(.+)"', (folder / "versions.tf").read_text())]
    assert set(found) == {"~> 5.100"}


def test_what_is_locked_comes_from_the_registry_and_has_a_hash() -> None:
    locks = sorted(path for path in ROOT.rglob(".terraform.lock.hcl") if ".terraform" not in path.parts)
    assert [lock.parent.relative_to(ROOT).as_posix() for lock in locks] == [".", "examples/complete", "examples/small"]
    for lock in locks:
        assert re.findall(r'^provider "(.+)"', lock.read_text(), re.M) == ["registry.terraform.io/hashicorp/aws"]
        assert '"h1:' in lock.read_text()


def test_messages_are_sentences() -> None:
    for folder in MODULES:
        for message in re.findall(r'error_message = "(.+)"', (folder / "variables.tf").read_text()):
            assert message[0].isupper(), message
            assert message.endswith("."), message


def test_the_readme_is_current() -> None:
    assert tables() in README.read_text(), "Run python -m tests.terraform.tables."
    assert written(README.read_text()) == README.read_text()


def test_the_readme_leads_from_apply_to_the_first_run_and_back() -> None:
    for command in COMMANDS:
        assert command in README.read_text(), command

"""What there is stands in the documentation, and what the documentation links to is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from perennial.cli import app
from perennial.rules import CountryRule, ExistingRule, FieldRule
from perennial.settings import Settings
from perennial.task import (
    ArchDailySource,
    BackboneSpec,
    CommonsSource,
    DemoSource,
    FinetuneSpec,
    FolderSource,
    GateSpec,
    ImagesSpec,
    InboxSource,
    LearnerSpec,
    ReleaseSpec,
    TableSource,
    Task,
)

ROOT = Path(__file__).parents[1]
REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("setting", Settings.model_fields)
def test_settings(setting: str) -> None:
    assert f"`PERENNIAL_{setting.upper()}`" in REFERENCE


PARTS = (BackboneSpec, LearnerSpec, FinetuneSpec, GateSpec, ReleaseSpec)
SOURCES = (ArchDailySource, CommonsSource, DemoSource, FolderSource, InboxSource, TableSource)


@pytest.mark.parametrize("model", [Task, ImagesSpec, *PARTS, *SOURCES])
def test_task_keys(model: type[BaseModel]) -> None:
    missing = [key for key in model.model_fields if not re.search(rf"\b{key}:", REFERENCE)]
    assert not missing


@pytest.mark.parametrize("rule", [CountryRule, FieldRule, ExistingRule])
def test_label_rules(rule: type[BaseModel]) -> None:
    assert not [key for key in rule.model_fields if not re.search(rf"^  {key}:", REFERENCE, re.MULTILINE)]


def test_defaults_in_the_reference_are_the_real_ones() -> None:
    for model in PARTS:
        for key, field in model.model_fields.items():
            default = str(list(field.default) if isinstance(field.default, tuple) else field.default)
            assert re.search(rf"^  {key}: {re.escape(default)}(\s|$)", REFERENCE, re.MULTILINE), (key, default)


def test_commands() -> None:
    def names(command: Any, prefix: str) -> list[str]:
        inner = getattr(command, "commands", {})
        return [name for key, sub in inner.items() for name in names(sub, f"{prefix} {key}")] or [prefix]

    missing = [name for name in names(typer.main.get_command(app), "perennial") if f"`{name}" not in REFERENCE]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    broken = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not broken

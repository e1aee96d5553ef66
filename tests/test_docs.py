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
PAGES = [page for folder in (".", "docs", "manifests", "terraform") for page in sorted((ROOT / folder).glob("*.md"))]


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


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives a page's headings: letters, digits, hyphens, _; a number where they recur."""
    found: list[str] = []
    for heading in re.findall(r"(?m)^#{1,6} +(.+?) *$", re.sub(r"(?ms)^( *)(```+|~~~+).*?^\1\2", "", text)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.append(re.sub(r"[^\w -]", "", words).replace(" ", "-"))
    return {f"{anchor}-{before}" if (before := found[:place].count(anchor)) else anchor for place, anchor in enumerate(found)}


def broken(page: Path) -> list[str]:
    """Return a page's links to files that aren't there, or to headings that their page doesn't have."""
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if "://" not in link and not (target.exists() and (not anchor or anchor in anchors(target.read_text(encoding="utf-8")))):
            lost.append(link)
    return lost


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# Déjà `make test`, [again](x.md)!\n\n## Twice\n\n## Twice\n\n```sh\n# Not a heading\n```\n")
    good = ["other.md", "other.md#déjà-make-test-again", "other.md#twice-1", "#own", "https://example.com/#x"]
    bad = ["another.md", "other.md#twice-2", "other.md#not-a-heading", "#other"]
    page.write_text("# Own\n\n" + " ".join(f"[a]({link})" for link in good + bad))
    assert broken(page) == bad


def test_every_page_is_checked() -> None:
    assert {"README.md", "CHANGELOG.md", "docs/ci.md", "manifests/README.md", "terraform/README.md"} <= {
        str(page.relative_to(ROOT)) for page in PAGES
    }

"""The make targets that are shell: a pull request, a release's commit and tag, what is said where something is missing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from components.images import ROOT

IDENTITY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.com",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com",
}
COMMANDS = ("bash", "cat", "dirname", "env", "git", "make", "mktemp", "rm", "sh", "stat")

pytestmark = pytest.mark.skipif(not (shutil.which("make") and shutil.which("git")), reason="make or git isn't installed")


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone of a repository with what make and .ci/propose need, and a gh that notes how it was called."""
    for key, value in IDENTITY.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    root = tmp_path / "checkout"
    for name in (
        "Makefile",
        "CHANGELOG.md",
        ".ci/propose",
        "perennial/__init__.py",
        "perennial/errors.py",
        "releasing/__init__.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    shutil.copy2(ROOT / "releasing/changelog.py", root / "releasing/changelog.py")
    (root / ".gitignore").write_text("__pycache__/\n")
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- One thing.\n")
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n[ "$2" != list ] || cat {tmp_path}/open\n')
    gh.chmod(0o755)
    (tmp_path / "open").write_text("0\n")
    for name in COMMANDS:  # these alone, as /usr/bin may have a go, a cosign or another gh
        (gh.parent / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(gh.parent))
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of the make that runs the suite
        monkeypatch.delenv(name, raising=False)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "first")
    git(tmp_path, "init", "-q", "--bare", "origin")
    git(root, "remote", "add", "origin", str(tmp_path / "origin"))
    return root


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def make(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", f"PYTHON={sys.executable}", *arguments], cwd=root, check=False, capture_output=True, text=True)


def test_a_change_is_proposed_once_and_then_renewed(checkout: Path, tmp_path: Path) -> None:
    for text, opened in (("one", "0"), ("two", "1")):
        git(checkout, "switch", "-q", "main")
        (checkout / "CHANGELOG.md").write_text(text)
        (tmp_path / "open").write_text(f"{opened}\n")
        done = make(checkout, "propose", "BRANCH=images", "TITLE=New images")
        assert done.returncode == 0, done.stderr
        assert git(tmp_path / "origin", "show", "images:CHANGELOG.md") == text
        assert git(tmp_path / "origin", "rev-list", "--count", "images") == "2\n"
    calls = (tmp_path / "told").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [
        ["pr", "list"],
        ["pr", "create"],
        ["workflow", "run"],
        ["pr", "list"],
        ["workflow", "run"],
    ]
    assert "--head images --base main --title New images" in calls[1]


def test_no_change_is_not_proposed(checkout: Path, tmp_path: Path) -> None:
    done = make(checkout, "propose", "BRANCH=images", "TITLE=New images")
    assert (done.returncode, done.stdout) == (0, "Nothing changed, so nothing is proposed.\n")
    assert not (tmp_path / "told").exists()


def test_a_release_is_a_commit_and_a_tag(checkout: Path) -> None:
    done = make(checkout, "release", "VERSION=0.9.0")
    assert done.returncode == 0, done.stderr
    assert git(checkout, "log", "-1", "--format=%s", "v0.9.0") == "Release 0.9.0\n"
    assert git(checkout, "status", "--short") == ""
    assert '__version__ = "0.9.0"' in git(checkout, "show", "v0.9.0:perennial/__init__.py")
    assert make(checkout, "notes", "VERSION=0.9.0").returncode == 0
    assert (checkout / "dist/notes.md").read_text() == "- One thing.\n"


def test_uncommitted_changes_are_not_released(checkout: Path) -> None:
    (checkout / "Makefile").write_text((checkout / "Makefile").read_text() + "\n")
    done = make(checkout, "release", "VERSION=0.9.0")
    assert done.returncode == 2
    assert "Commit or stash them first" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["release"], "'' is no version of the form 1.2.3"),
        (["release", "VERSION=1.2"], "'1.2' is no version of the form 1.2.3"),
        (["apply"], "Say which overlay: make apply OVERLAY="),
        (["tools"], "There is no go command here. Install Go"),
        (["sign-packages"], "There is no cosign command here. 'make tools ONLY=cosign' installs it."),
        (["propose"], "Say both: make propose BRANCH="),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(checkout: Path, arguments: list[str], sentence: str) -> None:
    done = make(checkout, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert git(checkout, "tag") == ""


def test_a_missing_gh_is_said(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin/gh").unlink()
    (checkout / "CHANGELOG.md").write_text("changed")
    for target in ("publish", "propose"):
        done = make(checkout, target, "VERSION=0.9.0", "BRANCH=b", "TITLE=t")
        assert "There is no gh command here. Install it (https://cli.github.com), or put it on PATH." in done.stderr


def test_the_cluster_of_a_secret_is_named_by_a_file_that_goes_again(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = tmp_path / "bin/kubectl"
    notes = f'echo "$@" "$(cat "$KUBECONFIG")" "$(stat -c %a "$KUBECONFIG")" >{tmp_path}/told\n'
    kubectl.write_text(f'#!/bin/sh\n{notes}echo "$KUBECONFIG" >{tmp_path}/where\n')
    kubectl.chmod(0o755)
    monkeypatch.setenv("KUBECONFIG_CONTENT", "apiVersion: v1")
    assert make(checkout, "apply", "OVERLAY=manifests/overlays/dev").returncode == 0
    assert (tmp_path / "told").read_text() == "apply -k manifests/overlays/dev apiVersion: v1 600\n"
    assert not Path((tmp_path / "where").read_text().strip()).exists()

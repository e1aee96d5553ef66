"""The make targets that are shell: a pull request, a release's commit and tag, what is said where something is missing."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from components.images import KUSTOMIZATION, NAMES, ON_REQUEST, ROOT, kustomize, tag

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
        "perennial/errors.py",
        "components/__init__.py",
        "components/images.py",
        "releasing/__init__.py",
        "releasing/changelog.py",
        "releasing/images.py",
        "pyproject.toml",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    (root / ".gitignore").write_text("__pycache__/\ndist/\n")
    (root / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n- One thing.\n")
    (root / "perennial/__init__.py").write_text('__version__ = "0.1.0"\n')
    gh = tmp_path / "bin" / "gh"
    gh.parent.mkdir()
    gh.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/told\n[ "$2" != list ] || cat {tmp_path}/open\n')
    gh.chmod(0o755)
    (tmp_path / "open").write_text("0\n")
    for name in COMMANDS:  # these alone, as /usr/bin may have a go, a cosign or another gh
        (gh.parent / name).symlink_to(shutil.which(name) or name)
    monkeypatch.setenv("PATH", str(gh.parent))
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "IMAGES", "ONLY", "SIGNER", "PERENNIAL_TAG", "RUNNER_ENVIRONMENT"):
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
    """Run make with the environment that runs the suite, in the place of .venv."""
    command = ["make", "-o", ".venv/.ready", f"BIN={Path(sys.executable).parent}", f"PYTHON={sys.executable}", *arguments]
    return subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)


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


def bump(checkout: Path) -> None:
    """Commit what the pull request of images.yaml has: the images of this checkout, by digest."""
    kustomize("ghcr.io/acme/", checkout, {name: f"sha256:{'a' * 64}" for name in NAMES if name not in ON_REQUEST})
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "images")


def test_a_release_is_a_commit_whose_images_are_published_and_named_before_it_is_tagged(checkout: Path) -> None:
    bump(checkout)
    done = make(checkout, "release", "VERSION=0.9.0")
    assert done.returncode == 0, done.stderr
    assert git(checkout, "log", "-1", "--format=%s") == "Release 0.9.0\n"
    assert (git(checkout, "status", "--short"), git(checkout, "tag")) == ("", "")
    early = make(checkout, "tag", "VERSION=0.9.0")  # the version is part of the images, so the manifests name the last ones
    assert early.returncode == 2
    assert f"step has the tag {tag_named(checkout, 'HEAD')}, this checkout is {tag(root=checkout)}" in early.stderr
    bump(checkout)
    done = make(checkout, "tag", "VERSION=0.9.0")
    assert done.returncode == 0, done.stderr
    assert "Publish it: git push origin v0.9.0" in done.stdout
    assert '__version__ = "0.9.0"' in git(checkout, "show", "v0.9.0:perennial/__init__.py")
    assert tag_named(checkout, "v0.9.0") == tag(root=checkout)
    assert (checkout / "dist/notes.md").read_text() == "- One thing.\n"


def tag_named(checkout: Path, commit: str) -> str:
    """Return the tag under which a commit's manifests name the image of the steps."""
    images = yaml.safe_load(git(checkout, "show", f"{commit}:{KUSTOMIZATION}"))["images"]
    return next(str(image["newTag"]) for image in images if image["name"] == "perennial-step")


def test_what_is_not_released_or_not_by_digest_is_not_tagged(checkout: Path) -> None:
    def refused(sentence: str, *arguments: str) -> None:
        done = make(checkout, "tag", *arguments)
        assert done.returncode == 2
        assert sentence in done.stderr
        assert git(checkout, "tag") == ""

    refused("This checkout is version 0.1.0, not 0.9.0. 'make release VERSION=0.9.0' changes it.", "VERSION=0.9.0")
    refused("CHANGELOG.md has nothing under '## 0.1.0'. 'make release VERSION=0.1.0' writes it.", "VERSION=0.1.0")
    assert make(checkout, "release", "VERSION=0.9.0").returncode == 0
    kustomize("ghcr.io/acme/", checkout)
    git(checkout, "add", "-A")
    git(checkout, "commit", "-q", "-m", "images without digests")
    refused("step is not named by digest", "VERSION=0.9.0")
    bump(checkout)
    refused("IMAGES is not set", "VERSION=0.9.0", "SIGNER=a@example.com")
    refused("There is no cosign command here", "VERSION=0.9.0", "SIGNER=a@example.com", "IMAGES=ghcr.io/acme/")


@pytest.mark.parametrize("target", ["release", "tag"])
def test_uncommitted_changes_are_neither_released_nor_tagged(checkout: Path, target: str) -> None:
    (checkout / "Makefile").write_text((checkout / "Makefile").read_text() + "\n")
    done = make(checkout, target, "VERSION=0.9.0")
    assert done.returncode == 2
    assert "Commit or stash them first" in done.stderr


def test_what_is_not_in_git_but_in_the_images_is_not_tagged(checkout: Path) -> None:
    assert make(checkout, "release", "VERSION=0.9.0").returncode == 0
    bump(checkout)
    (checkout / "perennial/more.py").touch()
    assert "not in git, and a tag is a commit's. Commit or stash them first" in make(checkout, "tag", "VERSION=0.9.0").stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["release"], "'' is no version of the form 1.2.3"),
        (["release", "VERSION=1.2"], "'1.2' is no version of the form 1.2.3"),
        (["apply"], "Say which overlay: make apply OVERLAY="),
        (["tag"], "'' is no version of the form 1.2.3"),
        (["tools"], "There is no go command here. Install Go"),
        (["tools", "ONLY=actionlint"], "There is no go command here. Install Go"),
        (["tools", "ONLY=syft,foo"], "There is no tool 'foo'. The tools are actionlint syft grype cosign"),
        (["room"], "This is no runner of GitHub's, so nothing is removed"),
        (["scan", "ONLY=foo"], "There is no image 'foo'. The images are mlflow"),
        (["images", "PUSH=1"], "Say which registry has them: IMAGES=ghcr.io/acme/."),
        (["images", "IMAGES=ghcr.io/acme"], "Say IMAGES=ghcr.io/acme/."),
        (["test-containers", "IMAGES=ghcr.io/acme"], "Say IMAGES=ghcr.io/acme/."),
        (["push"], "Say which registry has them: IMAGES=ghcr.io/acme/."),
        (["sign-packages"], "There is no cosign command here. 'make tools ONLY=cosign' installs it."),
        (["propose"], "Say both: make propose BRANCH="),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(checkout: Path, arguments: list[str], sentence: str) -> None:
    done = make(checkout, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert git(checkout, "tag") == ""


DIRECT = re.findall(r"(?m)^([a-z-]+):.*\n(?:\t.*\n)*?\t@\$\(PYTHON\) ", (ROOT / "Makefile").read_text(encoding="utf-8"))


def test_some_targets_run_python_directly() -> None:
    assert {"images", "secrets", "push", "release"} <= set(DIRECT)


@pytest.mark.parametrize("target", DIRECT)
def test_an_old_python_is_a_sentence(checkout: Path, tmp_path: Path, target: str) -> None:
    old = tmp_path / "old"
    old.write_text('#!/bin/sh\n[ "$1" = -c ] && exit 1\necho Traceback >&2\n')
    old.chmod(0o755)
    done = make(checkout, target, f"PYTHON={old}", "IMAGES=ghcr.io/acme/", "VERSION=0.9.0")
    assert done.returncode == 2
    assert "Perennial needs Python 3.11 or newer; name one with make PYTHON=..." in done.stderr
    assert "Traceback" not in done.stderr


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

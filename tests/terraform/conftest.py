"""Terraform on a copy of ``terraform/``, with the provider that ``terraform init`` finds."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.terraform.tables import ROOT

Terraform = Callable[..., str]
LEFT_OUT = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars")


def call(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["terraform", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=280)


@pytest.fixture(scope="session")
def terraform() -> Terraform:
    """Return what runs Terraform in a folder and returns its output, or fails with it."""
    if not shutil.which("terraform"):
        pytest.skip("terraform isn't on PATH")

    def run(folder: Path, *arguments: str) -> str:
        done = call(folder, *arguments)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session")
def copy(terraform: Terraform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of ``terraform/``, without a provider."""
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("terraform") / "terraform", ignore=LEFT_OUT))


@pytest.fixture(scope="session")
def ready(copy: Path) -> Path:
    """Return the copy, with the locked provider in it and in the examples."""
    for folder in (copy, *sorted((copy / "examples").iterdir())):
        done = call(folder, "init", "-input=false", "-no-color", "-lockfile=readonly")
        if done.returncode and "available provider packages" in done.stderr:
            pytest.skip("terraform init can't reach the AWS provider, in its registry or a mirror")
        assert done.returncode == 0, done.stderr
    return copy

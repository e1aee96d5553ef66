"""Write the lock files: versions and hashes of everything, without the name of any index. Names as arguments: those alone."""

import argparse
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

HERE = Path(__file__).parent
EVERYTHING = ("core", "cluster", "serve", "train", "dashboard", "dev")
LOCKS = {
    "dev": EVERYTHING,
    "core": ("core",),
    "serve-onnxruntime": ("serve", "onnxruntime", "otel"),
    "serve-onnxruntime-cuda": ("serve", "onnxruntime-cuda", "otel"),
    "serve-openvino": ("serve", "openvino", "otel"),
    "step": ("core", "serve"),
    "train": ("core", "serve", "train"),
    "dashboard": ("core", "dashboard"),
}
TOOLS = {"uv": "uv", "build": "hatchling", "mlflow": "mlflow[auth] psycopg2-binary boto3", "lint/checkov": "checkov"}
"""Locks of what isn't an extra of this package: what installs, builds and scans it, and the MLflow server beside it."""

GROUPS = {
    "tools": (
        "*pytest*",
        "checkov",
        "hypothesis",
        "import-linter",
        "mypy",
        "playwright",
        "pre-commit",
        "ruff",
        "schemathesis",
        "types-*",
        "zizmor",
    ),
    "platform": ("kfp*", "kserve", "kubernetes", "mlflow*", "opentelemetry-*"),
    "learning": ("cuda-*", "nvidia-*", "onnx*", "openvino*", "scikit-learn", "torch*", "triton"),
    "rest": ("*",),
}
"""What is raised together; a package belongs to the first group that names it."""

COMPILE = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet"]
COMPILE += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"]


def resolve(name: str, raised: list[str]) -> None:
    """Resolve a lock for every platform and Python at once; all but dev, uv and checkov follow dev's versions."""
    command = [*COMPILE, *raised, "-o", f"locks/{name}.txt"]
    if name not in ("dev", "uv", "lint/checkov"):
        command += ["--constraint", "locks/dev.txt"]
    if name in LOCKS:
        command += ["pyproject.toml", *(part for extra in LOCKS[name] for part in ("--extra", extra))]
    else:
        command += ["-"]
    wanted = "\n".join(TOOLS.get(name, "").split()).encode()
    subprocess.run(command, cwd=HERE.parent, check=True, input=wanted, stdout=subprocess.DEVNULL)


def locked() -> set[str]:
    """Return the names of all packages in the locks."""
    return {name for lock in HERE.rglob("*.txt") for name in re.findall(r"(?m)^([a-z0-9._-]+)==", lock.read_text())}


def group_of(package: str) -> str:
    """Return the group that a package belongs to."""
    return next(group for group, patterns in GROUPS.items() if any(fnmatch(package, pattern) for pattern in patterns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"locks to write; by default {', '.join([*LOCKS, *TOOLS])}")
    parser.add_argument("--group", choices=GROUPS, help="raise these packages alone; by default all")
    given = parser.parse_args()
    of_group = sorted(package for package in locked() if group_of(package) == given.group)
    raised = [part for package in of_group for part in ("--upgrade-package", package)] if given.group else ["--upgrade"]
    for name in given.names or [*LOCKS, *TOOLS]:
        resolve(name, raised)


if __name__ == "__main__":
    main()

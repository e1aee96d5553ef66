"""Write the lock files: versions and hashes of everything, without the name of any index. Names as arguments: those alone."""

import subprocess
import sys
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
TOOLS = {"uv": "uv", "build": "hatchling", "mlflow": "mlflow[auth] psycopg2-binary boto3"}
"""Locks of what isn't an extra of this package: what installs and builds it, and the MLflow server that stands beside it."""

COMPILE = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet", "--upgrade"]
COMPILE += ["--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"]


def resolve(name: str) -> None:
    """Resolve a lock for every platform and Python at once; all but dev and uv follow dev's versions."""
    command = [*COMPILE, "-o", f"locks/{name}.txt"]
    if name not in ("dev", "uv"):
        command += ["--constraint", "locks/dev.txt"]
    if name in LOCKS:
        command += ["pyproject.toml", *(part for extra in LOCKS[name] for part in ("--extra", extra))]
    else:
        command += ["-"]
    wanted = "\n".join(TOOLS.get(name, "").split()).encode()
    subprocess.run(command, cwd=HERE.parent, check=True, input=wanted, stdout=subprocess.DEVNULL)


def main() -> None:
    for name in sys.argv[1:] or [*LOCKS, *TOOLS]:
        resolve(name)


if __name__ == "__main__":
    sys.exit(main())

"""Write the lock files: versions and hashes of everything, without the name of any index."""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
EVERYTHING = ("core", "serve", "train", "dashboard", "dev")
LOCKS = {
    "dev": EVERYTHING,
    "core": ("core",),
    "serve": ("serve",),
    "train": ("core", "train"),
    "dashboard": ("core", "dashboard"),
}


def resolve(name: str, extras: tuple[str, ...]) -> None:
    """Resolve ``extras`` for every platform and Python at once; all but dev follow dev's versions."""
    command = ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes", "--quiet", "--upgrade"]
    command += [
        "--no-emit-index-url",
        "--no-emit-find-links",
        "--no-header",
        "--no-annotate",
        "-o",
        f"locks/{name}.txt",
        "pyproject.toml",
    ]
    command += [part for extra in extras for part in ("--extra", extra)]
    if name != "dev":
        command += ["--constraint", "locks/dev.txt"]
    subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    for name, extras in LOCKS.items():
        resolve(name, extras)
    command = [
        "uv",
        "pip",
        "compile",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
    ]
    subprocess.run(
        [*command, "--quiet", "-o", "locks/uv.txt", "-"], cwd=HERE.parent, check=True, input=b"uv\n", stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    sys.exit(main())

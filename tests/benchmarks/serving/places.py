"""Where the benchmark keeps what it needs between runs, and the environments of those it compares with."""

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
CACHE = ROOT / ".bench"
LOCK = "requirements.txt"
SHARED = ("torch", "torchvision", "numpy", "pillow", "safetensors")
"""What every environment takes in the version that Perennial is tested with; one copy on disk, for uv links files."""


def python_of(name: str, lock: Path) -> Path:
    """Return the interpreter of an environment that holds what a lock says, made by uv if it isn't there yet.

    Raises:
        subprocess.CalledProcessError: uv can't make it; its own words are on standard error.
    """
    folder = CACHE / "venv" / name
    mark, wanted = folder / ".lock", hashlib.sha256(lock.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    if not (python.exists() and mark.exists() and mark.read_text() == wanted):
        uv = uv_here()
        print(f"setting up {folder}", file=sys.stderr)
        subprocess.run([uv, "venv", "-q", "--clear", "-p", sys.executable, str(folder)], check=True, stdout=sys.stderr)
        subprocess.run([uv, "pip", "install", "-q", "-p", str(python), "-r", str(lock)], check=True, stdout=sys.stderr)
        mark.write_text(wanted)
    return python


def uv_here() -> str:
    """Return the uv of this environment, else the one on PATH."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else "uv"


def lock(wanted: str, path: Path) -> None:
    """Write which versions of everything an environment gets; what is shared follows ``locks/dev.txt``."""
    pinned = [line.rstrip(" \\") for line in (ROOT / "locks/dev.txt").read_text().splitlines() if line[:1].isalpha()]
    ours = [pin for pin in pinned if pin.partition("==")[0] in SHARED]
    constraints = CACHE / "constraints.txt"
    constraints.parent.mkdir(exist_ok=True)
    constraints.write_text("\n".join(ours) + "\n")
    command = [uv_here(), "pip", "compile", "-q", "--universal", "--python-version", "3.11", "--upgrade", "--no-annotate"]
    command += ["--no-header", "--no-emit-index-url", "--no-emit-find-links", "-c", str(constraints), "-o", str(path), "-"]
    subprocess.run(command, check=True, input="\n".join(wanted.split()).encode(), stdout=subprocess.DEVNULL)

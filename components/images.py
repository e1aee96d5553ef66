"""The container images: their names, the tag that says what is in them, and how they are built."""

import argparse
import hashlib
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from perennial.errors import PerennialError, SettingsError, mistakes_told

NAMES = ("mlflow", "postgres", "server", "server-onnxruntime", "server-cuda", "dashboard", "step", "train")
"""The images' names without ``perennial-``, in the Dockerfile's order."""

ON_REQUEST = ("server-cuda",)
"""What is built only where it is named: gigabytes that most clusters have no GPU for."""

ROOT = Path(__file__).parent.parent
CODE = ("LICENSE", "README.md", "components", "dashboard", "locks", "perennial", "pipelines", "pyproject.toml")
"""What goes into the images that carry code; ``.dockerignore`` names the same."""

SETTINGS = ".streamlit"
"""The one hidden folder that goes in: the dashboard's settings."""

BESIDE = {
    "mlflow": ("components/Dockerfile", "components/entrypoints/serve_mlflow.py", "locks/mlflow.txt"),
    "postgres": ("components/Dockerfile", "components/entrypoints/serve_postgres.sh"),
}
"""What goes into the images without code, which therefore keep their tag, and their pods, when only code changes."""

KUSTOMIZATION = Path("manifests/components/images/kustomization.yaml")
COMPOSE = Path("compose.yaml")


def tag(name: str = "step", root: Path = ROOT) -> str:
    """Return an image's tag: ``PERENNIAL_TAG``, else 12 hex digits of the digest of what goes into it.

    The same content has the same tag on every machine; the images that carry code share one.

    Raises:
        SettingsError: neither the variable nor a checkout says which code this is.
    """
    if given := os.environ.get("PERENNIAL_TAG"):
        return given
    if not (root / "pyproject.toml").is_file():
        raise SettingsError(
            f"The images' tag is unknown: {root} is no checkout of Perennial and PERENNIAL_TAG is not set. "
            "Set PERENNIAL_TAG to the tag that 'make images' printed."
        )
    digest = hashlib.sha256()
    for path in sorted(_files(root, BESIDE.get(name, CODE)), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]


def known(names: Sequence[str]) -> list[str]:
    """Return these names.

    Raises:
        PerennialError: one is no image's.
    """
    if unknown := [name for name in names if name not in NAMES]:
        raise PerennialError(f"There is no image '{unknown[0]}'. The images are {', '.join(NAMES)}.")
    return list(names)


def place(prefix: str, *, registry: bool = False) -> str:
    """Return what stands before the images' names, where it can stand there and, for what asks a ``registry``, names one.

    Raises:
        PerennialError: it doesn't.
    """
    if prefix and not prefix.endswith("/"):
        raise PerennialError(
            f"IMAGES={prefix} doesn't end in '/', so an image would be called {prefix}perennial-step. Say IMAGES={prefix}/."
        )
    if registry and not prefix:
        raise PerennialError(
            "IMAGES is not set, so Docker Hub would be asked for the images. Say which registry has them: IMAGES=ghcr.io/acme/."
        )
    return prefix


def build(names: Sequence[str], *, prefix: str = "", base: str = "", push: bool = False, docker: Sequence[str] = ()) -> None:
    """Build images with the docker command line and print what is done; ``docker`` are further arguments of ``docker build``.

    Raises:
        PerennialError: a name is unknown, docker isn't there, or a build failed.
    """
    wanted = known(names)
    commit = _commit()
    for name in (name for name in NAMES if name in wanted):
        image = f"{prefix}perennial-{name}:{tag(name)}"
        command = ["docker", "build", "--file", "components/Dockerfile", "--target", name, "--tag", image]
        command += ["--build-arg", f"TAG={tag(name)}", *(["--build-arg", f"BASE={base}"] if base else [])]
        command += [*(["--label", f"org.opencontainers.image.revision={commit}"] if commit else []), *docker, "."]
        _run(command, f"The image {image} was not built")
        if push:
            _run(["docker", "push", image], f"The image {image} was not pushed")


def kustomize(prefix: str = "", root: Path = ROOT, digests: Mapping[str, str] | None = None) -> Path:
    """Write the images' names and tags, and the registry's digests where they are given, for manifests and compose.yaml.

    Returns:
        The manifests' file.
    """
    lines = ["# Written by 'make images': the names and tags under which the manifests take the images."]
    lines += ["apiVersion: kustomize.config.k8s.io/v1alpha1", "kind: Component", "images:"]
    for name in sorted(NAMES):
        lines += [f"  - name: perennial-{name}", *([f"    newName: {prefix}perennial-{name}"] if prefix else [])]
        lines += [f'    newTag: "{tag(name, root)}"']  # quoted, or YAML reads twelve digits as a number
        lines += [f"    digest: {digests[name]}"] if digests and name in digests else []
    path = root / KUSTOMIZATION
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    _compose(prefix, root, digests or {})
    return path


def _compose(prefix: str, root: Path, digests: Mapping[str, str]) -> None:
    """Write the same into compose.yaml, where there is one."""
    path = root / COMPOSE
    if not path.is_file():
        return

    def image(line: re.Match[str]) -> str:
        name = line["name"]
        digest = f"@{digests[name]}" if name in digests else ""
        return f"{line['before']}{prefix}perennial-{name}:{tag(name, root)}{digest}"

    path.write_text(re.sub(r"(?m)^(?P<before> +image: )\S*perennial-(?P<name>[a-z-]+):\S+$", image, path.read_text()))


def _files(root: Path, parts: Sequence[str]) -> Iterator[Path]:
    for part in parts:
        found = (root / part).rglob("*") if (root / part).is_dir() else [root / part]
        yield from (path for path in found if path.is_file() and _counts(path.relative_to(root)))


def _counts(path: Path) -> bool:
    hidden = any((part.startswith(".") and part != SETTINGS) or part == "__pycache__" for part in path.parts)
    return not hidden and path.suffix != ".pyc" and (path.parts[0] != "locks" or path.match("locks/*.txt"))


def _commit() -> str:
    """Return the checkout's commit, with ``-dirty`` where it was changed; "" where this is no checkout."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _run(command: list[str], otherwise: str) -> None:
    print("+", *command, flush=True)  # noqa: T201
    try:
        subprocess.run(command, cwd=ROOT, check=True)
    except FileNotFoundError:
        raise PerennialError(f"{otherwise}: there is no docker command here. Install it, or put it on PATH.") from None
    except subprocess.CalledProcessError as error:
        raise PerennialError(f"{otherwise}: docker ended with {error.returncode}; the reason stands above.") from None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m components.images", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("tag", help="print an image's tag")
    command.add_argument("name", nargs="?", default="step", choices=NAMES)
    for command in (commands.add_parser("build", help="build images"), commands.add_parser("kustomize", help="write the tags")):
        command.add_argument("--prefix", default="", help="what stands before the names, such as ghcr.io/acme/")
    command = commands.choices["build"]
    command.add_argument("--base", default="", help="base image; by default the Dockerfile's")
    only = f"names, separated by commas; by default all but {', '.join(ON_REQUEST)}"
    command.add_argument("--only", default=",".join(name for name in NAMES if name not in ON_REQUEST), help=only)
    command.add_argument("--push", action="store_true", help="push what was built")
    command.add_argument("docker", nargs="*", help="after --: further arguments of docker build")
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    if given.command == "tag":
        print(tag(given.name))  # noqa: T201
        return
    prefix = place(given.prefix, registry=given.command == "build" and given.push)
    if given.command == "build":
        build(given.only.split(","), prefix=prefix, base=given.base, push=given.push, docker=given.docker)
    print(kustomize(prefix).relative_to(ROOT), "and", COMPOSE, "name the tags")  # noqa: T201


if __name__ == "__main__":
    with mistakes_told():
        main()

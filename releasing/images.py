"""The images in a registry: built where it lacks them, listed, scanned, pushed, signed, and named by digest in the manifests."""

import argparse
import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.images import KUSTOMIZATION, NAMES, ON_REQUEST, ROOT, build, known, kustomize, place, tag
from perennial.errors import PerennialError, mistakes_told

DIST: Path = ROOT / "dist"
PUBLISHED = DIST / "images.json"
"""What 'push' and 'digests' found in the registry, for 'sign' and 'bump'; what 'verify' accepted, for the release."""

GITHUB = "https://token.actions.githubusercontent.com"
_INSTALL = {
    "docker": "Install Docker with its plugin buildx, or put it on PATH",
    "syft": "'make tools ONLY=syft' installs it",
    "grype": "'make tools ONLY=grype' installs it",
    "cosign": "'make tools ONLY=cosign' installs it",
}
LOCAL = ("sbom", "scan", "named")
REGISTRY = ("missing-images", "pull", "push", "digests", "sign", "bump", "verify")
"""The commands, those that make no sense without a registry apart."""

_UNKNOWN = ("not found", "manifest unknown", "name unknown")


@dataclass(frozen=True)
class Image:
    """An image as the registry has it."""

    name: str
    repository: str
    tag: str
    digest: str

    @property
    def pinned(self) -> str:
        """The image by its digest alone."""
        return f"{self.repository}@{self.digest}"


def missing(names: Sequence[str], prefix: str) -> list[str]:
    """Return the images whose tag the registry lacks."""
    return [name for name in names if not _digest(_tagged(name, prefix))]


def build_missing(names: Sequence[str], prefix: str, base: str, *, again: bool) -> None:
    """Build the images that the registry lacks, or all ``again``."""
    lacking = names if again else missing(names, prefix)
    build(lacking, prefix=prefix, base=base)
    _say(f"Built: {', '.join(lacking)}" if lacking else "The registry has them all")


def pull(names: Sequence[str], prefix: str) -> None:
    """Pull the images that docker here lacks."""
    for name in names:
        image = _tagged(name, prefix)
        if _call(["docker", "image", "inspect", image], quiet=True).returncode:
            _run(["docker", "pull", image], f"The image {image} is not on this machine and was not pulled")


def sbom(names: Sequence[str], prefix: str) -> None:
    """Write what is in each image, by docker's copy or else the registry's, as SPDX into ``dist/sbom``."""
    for name in names:
        image, file = _tagged(name, prefix), _sbom(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        _run(["syft", "scan", image, "--output", f"spdx-json={file}"], f"The contents of {image} were not listed")


def scan(names: Sequence[str]) -> None:
    """Look up each image's contents among known vulnerabilities; high and critical ones that have a fix are refused.

    Raises:
        PerennialError: an image has such a vulnerability, or its contents were not listed before.
    """
    refused = []
    for name in names:
        if not _sbom(name).is_file():
            raise PerennialError(f"The contents of {name} are not listed yet. Run 'make sbom' first.")
        done = _call(["grype", f"sbom:{_sbom(name)}", "--only-fixed", "--fail-on", "high"])
        if done.returncode:
            refused.append(name)
    if refused:
        raise PerennialError(
            f"Refused: {', '.join(refused)}; the reason stands above. Raise the packages that have a fix with 'make lock', or "
            "the Dockerfile's base image; what doesn't concern these images is left out by a rule with its reason in .grype.yaml."
        )


def push(names: Sequence[str], prefix: str, *, again: bool) -> None:
    """Push what the registry lacks, or all ``again``, and write the digests."""
    for name in names if again else missing(names, prefix):
        image = _tagged(name, prefix)
        _run(["docker", "push", image], f"The image {image} was not pushed")
    digests(names, prefix)


def digests(names: Sequence[str], prefix: str) -> None:
    """Write the registry's digests of this checkout's images into ``dist/images.json``.

    Raises:
        PerennialError: the registry lacks one.
    """
    found = []
    for name in names:
        digest = _digest(_tagged(name, prefix))
        if not digest:
            raise PerennialError(
                f"The registry has no {_tagged(name, prefix)}. The images of this checkout are published first: by the workflow "
                "'images', or 'make missing-images sbom scan push'."
            )
        found.append(Image(name, f"{prefix}perennial-{name}", tag(name), digest))
    _write(PUBLISHED, [asdict(image) for image in found])
    _say(f"{PUBLISHED.relative_to(ROOT)} names the digests")


def published(prefix: str) -> list[Image]:
    """Return what 'push' or 'digests' wrote.

    Raises:
        PerennialError: they were not run, or on another checkout or registry.
    """
    if not PUBLISHED.is_file():
        raise PerennialError("dist/images.json is missing. 'make push' or 'make digests' writes it.")
    images = [Image(**image) for image in json.loads(PUBLISHED.read_text())]
    for image in images:
        if (found := f"{image.repository}:{image.tag}") != (wanted := _tagged(image.name, prefix)):
            raise PerennialError(
                f"dist/images.json is about {found}, this checkout is {wanted}. "
                "Run 'make digests' on this checkout, with the same IMAGES."
            )
    return images


def sign(prefix: str, signer: str, issuer: str) -> None:
    """Sign each published image, and attest its contents, as whoever runs this; what is signed is left alone."""
    for image in published(prefix):
        lacks, _ = _proof(image, signer, issuer)
        if not lacks:
            _say(f"{image.pinned} is signed already")
            continue
        _run(["cosign", "sign", "--yes", image.pinned], f"{image.pinned} was not signed")
        command = ["cosign", "attest", "--yes", "--type", "spdxjson", "--predicate", str(_sbom(image.name)), image.pinned]
        _run(command, f"The contents of {image.pinned} were not attested")


def bump(prefix: str, root: Path = ROOT) -> None:
    """Name the published images by digest in the manifests."""
    path = kustomize(prefix, root, {image.name: image.digest for image in published(prefix)})
    _say(f"{path.relative_to(root)} names the digests")


def named(prefix: str, root: Path = ROOT) -> None:
    """Check that the manifests name images of this checkout, by digest.

    Raises:
        PerennialError: they don't, with each image and the reason.
    """
    _refuse([reason for image in deployed(root) for reason in _misnamed(image, prefix)])
    _say("The manifests name images of this checkout by digest; their signatures were not checked")


def verify(prefix: str, signer: str, issuer: str, root: Path = ROOT) -> None:
    """Check that the manifests name images of this checkout, by digest, whose signature and list of contents are ``signer``'s.

    The images go into ``dist/images.json``, their contents as they were attested into ``dist/sbom``.

    Raises:
        PerennialError: they don't, with each image and the reason.
    """
    wrong, contents = [], {}
    for image in deployed(root):
        if reasons := _misnamed(image, prefix):
            wrong += reasons
            continue
        lacks, attested = _proof(image, signer, issuer)
        wrong += [f"{image.pinned} {what}" for what in lacks]
        contents[image] = attested
    _refuse(wrong)
    for image, attested in contents.items():
        _write(_sbom(image.name), _predicate(image, attested))
    _write(PUBLISHED, [asdict(image) for image in contents])
    _say("The manifests name images of this checkout, each signed and its contents attested")


def deployed(root: Path) -> list[Image]:
    """Return the images that the manifests name, but those that are built on request; without a digest it is empty."""
    import yaml

    entries = yaml.safe_load((root / KUSTOMIZATION).read_text())["images"]
    found = []
    for entry in entries:
        name = entry["name"].removeprefix("perennial-")
        found.append(Image(name, entry.get("newName", entry["name"]), entry["newTag"], entry.get("digest", "")))
    return [image for image in found if image.name not in ON_REQUEST or image.digest]


def _misnamed(image: Image, prefix: str) -> list[str]:
    """Return why this isn't this checkout's image by digest, if it isn't; without a prefix any place is right."""
    if image.tag != tag(image.name):
        return [f"{image.name} has the tag {image.tag}, this checkout is {tag(image.name)}"]
    if prefix and image.repository != (wanted := f"{prefix}perennial-{image.name}"):
        return [f"{image.name} is {image.repository} and not {wanted}"]
    return [] if image.digest else [f"{image.name} is not named by digest"]


def _refuse(wrong: Sequence[str]) -> None:
    if wrong:
        raise PerennialError(
            f"Not verified: {'; '.join(wrong)}. Take a checkout whose {KUSTOMIZATION} was written by the workflow 'images' or "
            "by 'make bump' after its last change of code."
        )


def _proof(image: Image, signer: str, issuer: str) -> tuple[list[str], str]:
    """Return what an image lacks of signature and attested contents, and the attestations as cosign prints them."""
    if not signer:
        raise PerennialError("Say with SIGNER=... whose signature counts: a workflow's address or a mail address.")
    who = ["--certificate-identity", signer, "--certificate-oidc-issuer", issuer, image.pinned]
    checks = {"signature": ["verify"], "signed list of contents": ["verify-attestation", "--type", "spdxjson"]}
    lacks, attested = [], ""
    for what, command in checks.items():
        done = _call(["cosign", *command, *who], quiet=True)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("Error: ")] or ["cosign gives no reason"]
            lacks.append(f"has no {what} of {signer} ({said[-1].removeprefix('Error: ')})")
        attested = done.stdout
    return lacks, attested


def _predicate(image: Image, attested: str) -> Any:
    """Return the contents by the last attestation: on a line of its own an envelope, whose payload is an in-toto statement."""
    try:
        return json.loads(base64.b64decode(json.loads(attested.splitlines()[-1])["payload"]))["predicate"]
    except (IndexError, KeyError, ValueError):
        raise PerennialError(
            f"What cosign prints of the contents of {image.pinned} can't be read. 'make tools ONLY=cosign' installs the version "
            "whose form is known."
        ) from None


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _digest(image: str) -> str:
    """Return the registry's digest of a tag, empty where it lacks the tag."""
    done = _call(["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", image], quiet=True)
    if done.returncode == 0:
        return str(json.loads(done.stdout)["digest"])
    if any(word in done.stderr.lower() for word in _UNKNOWN):
        return ""
    if _call(["docker", "buildx", "version"], quiet=True).returncode:
        raise PerennialError(f"This docker has no buildx, which reads the registry. {_INSTALL['docker']}.")
    raise PerennialError(
        f"The registry doesn't say whether it has {image}: {' '.join(done.stderr.split())} Log in with 'docker login', or, where "
        "it has no image of this name yet, build and push all of them with AGAIN=1."
    )


def _tagged(name: str, prefix: str) -> str:
    return f"{prefix}perennial-{name}:{tag(name)}"


def _sbom(name: str) -> Path:
    return DIST / "sbom" / f"{name}.spdx.json"


def _run(command: list[str], otherwise: str) -> None:
    done = _call(command)
    if done.returncode:
        raise PerennialError(f"{otherwise}: {command[0]} ended with {done.returncode}; the reason stands above.")


def _call(command: list[str], *, quiet: bool = False) -> subprocess.CompletedProcess[str]:
    if not shutil.which(command[0]):
        raise PerennialError(f"There is no {command[0]} command here. {_INSTALL[command[0]]}.")
    if not quiet:
        _say("+ " + " ".join(command))
    return subprocess.run(command, cwd=ROOT, check=False, text=True, capture_output=quiet)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m releasing.images", description=__doc__)
    parser.add_argument("command", choices=(*LOCAL, *REGISTRY), help="what 'make COMMAND' runs")
    parser.add_argument("--prefix", default="", help="what stands before the images' names, such as ghcr.io/acme/")
    by_default = [name for name in NAMES if name not in ON_REQUEST]
    parser.add_argument("--only", default=",".join(by_default), help="names, separated by commas")
    parser.add_argument("--base", default="", help="base image; by default the Dockerfile's")
    parser.add_argument("--again", action="store_true", help="build and push also what the registry has")
    parser.add_argument("--signer", default=os.environ.get("SIGNER", ""), help="identity whose signatures count")
    parser.add_argument("--issuer", default=os.environ.get("ISSUER") or GITHUB, help="who vouches for that identity")
    return parser.parse_args()


def main() -> None:
    given = _arguments()
    names, prefix = known(given.only.split(",")), place(given.prefix, registry=given.command in REGISTRY)
    commands: dict[str, Callable[[], None]] = {
        "missing-images": lambda: build_missing(names, prefix, given.base, again=given.again),
        "pull": lambda: pull(names, prefix),
        "sbom": lambda: sbom(names, prefix),
        "scan": lambda: scan(names),
        "push": lambda: push(names, prefix, again=given.again),
        "digests": lambda: digests(names, prefix),
        "sign": lambda: sign(prefix, given.signer, given.issuer),
        "bump": lambda: bump(prefix),
        "named": lambda: named(prefix),
        "verify": lambda: verify(prefix, given.signer, given.issuer),
    }
    commands[given.command]()


if __name__ == "__main__":
    with mistakes_told():
        main()

"""The Dockerfile's targets, as text, and how their images are named."""

import re
from dataclasses import dataclass
from functools import cache

from components.images import ROOT


@dataclass(frozen=True)
class Named:
    """An image as manifests and compose.yaml name it: 'make images' writes no digest, 'make bump' does."""

    place: str
    name: str
    tag: str
    digest: str


def named(image: str) -> Named:
    """Return an image's name in parts; the tag or the digest is empty where it has none."""
    whole, _, digest = image.partition("@")
    found = re.fullmatch(r"(?P<place>(?:\S+/)?)(?P<name>[^/:\s]+)(?::(?P<tag>[^/:\s]+))?", whole)
    assert found, image
    return Named(found["place"], found["name"], found["tag"] or "", digest)


@cache
def stages() -> dict[str, str]:
    """Return each target's instructions, those of the targets that it is built from first."""
    head, *parts = re.split(r"(?m)^(?=FROM )", (ROOT / "components/Dockerfile").read_text(encoding="utf-8"))
    default = dict(re.findall(r"(?m)^ARG (\w+)=(\S+)$", head))
    found: dict[str, str] = {}
    for part in parts:
        start = re.match(r"FROM (\S+) AS (\S+)\n", part)
        assert start, part
        origin = re.sub(r"\$\{(\w+)\}", lambda name: default[name[1]], start[1])
        found[start[2]] = found.get(origin, "") + part
    return found

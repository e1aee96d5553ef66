"""The Dockerfile's targets, as text."""

import re
from functools import cache

from components.images import ROOT


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

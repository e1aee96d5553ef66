"""Pods as a real cluster described them."""

import json
from pathlib import Path
from typing import Any

PODS = Path(__file__).parent / "pods"


def recorded(name: str) -> dict[str, Any]:
    """Return a pod of its own."""
    pod: dict[str, Any] = json.loads((PODS / f"{name}.json").read_text())
    return pod

"""Which batches wait for a person, and what was decided about them."""

import json
from dataclasses import dataclass
from typing import Literal

from perennial.catalog.digests import canonical
from perennial.catalog.objects import Objects
from perennial.catalog.rows import Status


@dataclass(frozen=True, slots=True)
class Hold:
    """The standing of one batch, with the reason for it."""

    status: Status
    reason: str


def hold(objects: Objects, task: str, batch: str, reason: str) -> None:
    """Keep a batch from being learnt until a person settles it; what was settled already stays as it is."""

    def change(before: bytes | None) -> bytes:
        if before is not None and json.loads(before)["status"] != "held":
            return before
        return canonical({"status": "held", "reason": reason})

    objects.update(_key(task, batch), change)


def settle(objects: Objects, task: str, batch: str, status: Literal["open", "rejected"]) -> None:
    """Let a batch be learnt, or reject it for good; the reason it was held for is kept."""

    def change(before: bytes | None) -> bytes:
        reason = json.loads(before)["reason"] if before is not None else ""
        return canonical({"status": status, "reason": reason})

    objects.update(_key(task, batch), change)


def holds(objects: Objects, task: str) -> dict[str, Hold]:
    """Return the holds of a task by batch id."""
    prefix = f"holds/{task}"
    return {key.removeprefix(prefix + "/").removesuffix(".json"): Hold(**objects.get_json(key)) for key in objects.keys(prefix)}


def _key(task: str, batch: str) -> str:
    return f"holds/{task}/{batch}.json"

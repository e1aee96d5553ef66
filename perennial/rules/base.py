"""What all label rules share."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict

LONGEST = 200


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule read: a class, or the ``value`` that it doesn't know, or neither where nothing was said."""

    cls: str | None = None
    value: str = ""


SILENCE = Reading()


class Rule(BaseModel):
    """A label rule, as a task file says it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def possible(self) -> frozenset[str] | None:
        """Return the classes that this rule can give; None where any may come."""
        return None

    def read(self, said: Mapping[str, str]) -> Reading:
        """Return what ``said``, an image's metadata with its place and kind, means."""
        raise NotImplementedError

    def label(self, said: Mapping[str, str]) -> str | None:
        """Return the class alone, or None where there is none."""
        return self.read(said).cls

    def basis(self) -> Any:
        """Return all that readings depend on, as JSON: a rule with another basis may read otherwise."""
        return self.model_dump(mode="json")


def unknown(value: str) -> Reading:
    """Return the reading of a value that a rule doesn't know, on one line that a person can read."""
    printable = "".join(" " if unicodedata.category(c).startswith("C") else c for c in value[: 10 * LONGEST])
    return Reading(value=re.sub(r"\s+", " ", printable).strip()[:LONGEST] or "?")

"""Labels that come with the images."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from perennial.rules.base import Reading, Rule


class FolderRule(Rule):
    """The name of the folder that an image lies in."""

    rule: Literal["folder"]

    def read(self, said: Mapping[str, str]) -> Reading:
        """Return the folder as the class."""
        return Reading(said.get("folder") or None)


class ExistingRule(Rule):
    """The label that the source brings along, as a column of a table or a tag of an object."""

    rule: Literal["existing"]
    field: str = Field("label", min_length=1)

    def read(self, said: Mapping[str, str]) -> Reading:
        """Return the field's value as the class."""
        return Reading(said.get(self.field, "").strip() or None)

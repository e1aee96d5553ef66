"""Label rules: what turns an image's metadata into a class, or into nothing."""

import functools
import unicodedata
from importlib import resources
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

TABLES = resources.files("perennial") / "tasks" / "tables"


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CountryRule(_Rule):
    """The class of the country that ends a place such as "Porto, Portugal", by a bundled table."""

    rule: Literal["country"]
    table: Literal["regions"] = "regions"

    def possible(self) -> frozenset[str] | None:
        """Return the classes that this rule can give."""
        return frozenset(_countries(self.table).values())

    def label(self, metadata: dict[str, str]) -> str | None:
        """Return the class of ``metadata["place"]``, or None where the country is unknown.

        The longest ending that is a country's name counts, since some names have a comma ("Korea, Republic of").
        """
        countries = _countries(self.table)
        parts = _plain(metadata.get("place", "")).split(", ")
        endings = (", ".join(parts[start:]) for start in range(len(parts)))
        return next((countries[ending] for ending in endings if ending in countries), None)


class FieldRule(_Rule):
    """The class that a map gives for the value of one metadata field."""

    rule: Literal["field"]
    field: str
    map: dict[str, str]

    def possible(self) -> frozenset[str] | None:
        """Return the classes that this rule can give."""
        return frozenset(self.map.values())

    def label(self, metadata: dict[str, str]) -> str | None:
        """Return the class of the field's value, or None where the map has none."""
        return self.map.get(metadata.get(self.field, ""))


class FolderRule(_Rule):
    """The name of the folder that an image lies in."""

    rule: Literal["folder"]

    def possible(self) -> frozenset[str] | None:
        """Return None: any folder may appear."""
        return None

    def label(self, metadata: dict[str, str]) -> str | None:
        """Return ``metadata["folder"]``."""
        return metadata.get("folder") or None


LabelRule = Annotated[CountryRule | FieldRule | FolderRule, Field(discriminator="rule")]


def _plain(text: str) -> str:
    """Fold case, accents, full stops and spaces, so that "Côte  d’Ivoire" and "cote d'ivoire" are one name."""
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'").replace(".", "").replace(",", ", "))
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


@functools.cache
def _countries(table: str) -> dict[str, str]:
    """Read a table of class → groups of country names into name → class."""
    classes = yaml.safe_load((TABLES / f"{table}.yaml").read_text(encoding="utf-8"))["classes"]
    return {_plain(name): cls for cls, groups in classes.items() for names in groups for name in names}

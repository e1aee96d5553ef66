"""The class that a map gives for what a source says in one field of the metadata."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from perennial.rules.base import SILENCE, Reading, Rule, unknown
from perennial.rules.folding import fold
from perennial.rules.tables import Values, tables_of, values


class FieldRule(Rule):
    """The class that a map gives for the value of a metadata field, in any case; ``kind`` is the image's own.

    Of several fields, and of several values in one, the first that the map knows counts.
    """

    rule: Literal["field"]
    field: tuple[str, ...] = Field(min_length=1, description="A field's name, or several, most telling first.")
    map: dict[str, str] | str = Field(description="Value to class, or the name of a bundled table.")
    separator: str = Field("", description="What stands between several values in one field, such as ';'.")
    silent: tuple[str, ...] = Field((), description="Values that say nothing: such images get no label and need no review.")

    @field_validator("field", mode="before")
    @classmethod
    def _several(cls, field: Any) -> Any:
        return (field,) if isinstance(field, str) else field

    @field_validator("map", mode="before")
    @classmethod
    def _known(cls, given: Any) -> Any:
        if isinstance(given, str):
            if given not in tables_of("classes"):
                raise ValueError(f"there is no bundled table '{given}'; there are {', '.join(tables_of('classes'))}")
            return given
        if not isinstance(given, dict) or not all(isinstance(name, str) for pair in given.items() for name in pair):
            raise ValueError("a map has a class for each value, both as text, or is the name of a bundled table")
        folded: dict[str, str] = {}
        for value, cls_ in given.items():
            if folded.setdefault(fold(value), cls_) != cls_:
                raise ValueError(f"'{value}' stands there in two spellings with two classes; keep one")
        return given

    @model_validator(mode="after")
    def _either(self) -> "FieldRule":
        both = sorted(set(map(fold, self.silent)) & set(self._values().classes))
        if both:
            raise ValueError(f"silent: the map has a class for {', '.join(both)}; keep it in one of the two")
        return self

    def possible(self) -> frozenset[str] | None:
        """Return the classes of the map."""
        return frozenset(self._values().classes.values())

    def read(self, said: Mapping[str, str]) -> Reading:
        """Return the class of the first value that the map knows, else the first value that isn't silent."""
        known = self._values()
        silent = known.silent | set(map(fold, self.silent))
        given = [part.strip() for field in self.field for part in self._parts(said.get(field, ""))]
        telling = [part for part in given if fold(part) and fold(part) not in silent]
        classes = (known.classes[fold(part)] for part in telling if fold(part) in known.classes)
        cls = next(classes, None)
        if cls is not None:
            return Reading(cls)
        return unknown(telling[0]) if telling else SILENCE

    def basis(self) -> Any:
        """Return the rule with what its map says."""
        known = self._values()
        return [self.model_dump(mode="json", exclude={"map"}), dict(known.classes), sorted(known.silent)]

    def _values(self) -> Values:
        if isinstance(self.map, str):
            return values(self.map)
        return Values({fold(value): cls for value, cls in self.map.items()}, frozenset())

    def _parts(self, value: str) -> list[str]:
        return value.split(self.separator) if self.separator else [value]

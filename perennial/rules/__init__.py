"""Label rules: what turns what a source says about an image into a class, into a value to be asked about, or into nothing."""

from typing import Annotated

from pydantic import Field

from perennial.rules.base import Reading
from perennial.rules.country import CountryRule
from perennial.rules.field import FieldRule
from perennial.rules.given import ExistingRule, FolderRule

__all__ = ["CountryRule", "ExistingRule", "FieldRule", "FolderRule", "LabelRule", "Reading"]

LabelRule = Annotated[CountryRule | FieldRule | FolderRule | ExistingRule, Field(discriminator="rule")]

"""Where a task's images come from."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from perennial.task.part import Part
from perennial.wikidata import COUNTRIES, KINDS

TABLES = (".csv", ".jsonl", ".parquet")


class ArchDailySource(Part):
    """Project pages of ArchDaily, or of a site shaped like it."""

    type: Literal["archdaily"]
    base_url: str = "https://www.archdaily.com"
    permission: str = Field("", description="Who allowed scraping, and when; the source is off while this is empty.")
    images_per_post: int = Field(3, ge=1)
    overlap_days: int = Field(3, ge=0, description="Days before the newest known post that are listed again.")
    backfill: bool = Field(False, description="After what is new, take older posts by the site's sitemap.")
    delay_s: float = Field(2.0, ge=0, description="Least pause between two requests to one host.")
    daily_requests: int = Field(5000, ge=1, description="Requests to one host in a UTC day.")
    allow_hosts: tuple[str, ...] = Field((), description="Hosts that may lie inside the network, as host or host:port.")

    @model_validator(mode="after")
    def _polite(self) -> "ArchDailySource":
        if self.delay_s < 2 and "archdaily.com" in self.base_url:
            raise ValueError(f"delay_s is {self.delay_s}; ArchDaily is asked every 2 seconds at most; make it 2 or more")
        return self


class DemoSource(Part):
    """The bundled site on loopback: drawn buildings, shaped like ArchDaily."""

    type: Literal["demo"]
    base_url: str = Field("", description="Address of a running demo site.")
    images_per_post: int = Field(3, ge=1)
    overlap_days: int = Field(3, ge=0, description="Days before the newest known post that are listed again.")


class FolderSource(Part):
    """Pictures in class subfolders."""

    type: Literal["folder"]
    path: Path


class InboxSource(Part):
    """Pictures that are dropped into the inbox of the store."""

    type: Literal["inbox"]
    prefix: str = Field("", description="Take only what lies below this folder of the inbox.")

    @field_validator("prefix")
    @classmethod
    def _folders(cls, prefix: str) -> str:
        parts = [part for part in prefix.split("/") if part]
        if any(part.startswith(".") for part in parts):
            raise ValueError("a folder of the inbox begins with no dot, such as walls/brick")
        return "/".join(parts)


class TableSource(Part):
    """Pictures that a CSV, JSONL or Parquet file lists by path or URL, with what is known of each."""

    type: Literal["table"]
    path: Path
    allow_hosts: tuple[str, ...] = Field((), description="Hosts inside the network that URLs of the table may name.")

    @field_validator("path")
    @classmethod
    def _readable(cls, path: Path) -> Path:
        if path.suffix.lower() not in TABLES:
            raise ValueError(f"path: a table ends in {', '.join(TABLES)}, and {path.name} doesn't. Save it as one of them")
        return path


class CommonsSource(Part):
    """Buildings of Wikidata with their photographs on Wikimedia Commons, under free licences."""

    type: Literal["commons"]
    countries: tuple[str, ...] = Field(COUNTRIES, min_length=1, description="ISO 3166 codes of two letters.")
    kinds: dict[str, str] = Field(KINDS, min_length=1, description="Wikidata classes, Q-number to plain name.")
    width: Literal[20, 40, 60, 120, 250, 330, 500, 960, 1280, 1920, 3840] = 960
    images_per_post: int = Field(1, ge=1)
    images_per_run: int = Field(1000, ge=1)
    images_per_country: int = Field(20, ge=1, description="In one run, so that no country fills it.")
    queries_per_run: int = Field(200, ge=1, description="Lists that one run asks the query service for.")
    overlap_days: int = Field(3, ge=0, description="Days before a country's last listing that count as new in its next.")
    query_url: str = "https://query.wikidata.org/sparql"
    api_url: str = "https://commons.wikimedia.org/w/api.php"

    @field_validator("countries")
    @classmethod
    def _codes(cls, countries: tuple[str, ...]) -> tuple[str, ...]:
        wrong = [code for code in countries if not re.fullmatch("[A-Z]{2}", code)]
        if wrong:
            raise ValueError(f"countries: {', '.join(wrong)} is no ISO 3166 code of two capital letters, such as PT")
        return tuple(dict.fromkeys(countries))

    @field_validator("kinds")
    @classmethod
    def _classes(cls, kinds: dict[str, str]) -> dict[str, str]:
        wrong = [number for number in kinds if not re.fullmatch(r"Q[1-9]\d{0,11}", number)]
        if wrong:
            raise ValueError(f"kinds: {', '.join(wrong)} is no number of a Wikidata class, such as Q16970")
        return kinds


SourceSpec = Annotated[
    ArchDailySource | CommonsSource | DemoSource | FolderSource | InboxSource | TableSource, Field(discriminator="type")
]

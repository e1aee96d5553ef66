"""What the Wikidata query service is asked, and how its answers read."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from perennial.errors import SourceError
from perennial.sources.markup import text_of

_LISTING = """SELECT ?item (GROUP_CONCAT(DISTINCT STR(?image); SEPARATOR=" ") AS ?images) WHERE {{
  ?country wdt:P297 "{country}" .
  ?item wdt:P31 wd:{kind} ; wdt:P17 ?country ; wdt:P18 ?image .
  {changed}BIND(xsd:integer(STRAFTER(STR(?item), "/Q")) AS ?number)
  FILTER(?number > {after})
}} GROUP BY ?item ?number ORDER BY ?number LIMIT {limit}"""

_CHANGED = """?item schema:dateModified ?changed .
  FILTER(?changed >= "{since}T00:00:00Z"^^xsd:dateTime)
  """

_FACTS = """SELECT ?item ?itemLabel ?what ?value ?valueLabel ?code WHERE {{
  {{
    VALUES ?item {{ {items} }}
    VALUES (?what ?property) {{
      ("type" wdt:P31) ("style" wdt:P149) ("architect" wdt:P84) ("city" wdt:P131) ("year" wdt:P571)
    }}
    ?item ?property ?value .
  }} UNION {{
    VALUES ?item {{ {items} }}
    ?item wdt:P17 ?value .
    ?value wdt:P297 ?code .
    FILTER NOT EXISTS {{ ?value wdt:P576 ?ended }}
    BIND("country" AS ?what)
  }}
  SERVICE wikibase:label {{ bd:serviceParam wikibase:language "en,mul" . }}
}}"""

_ITEM = re.compile(r"https?://www\.wikidata\.org/entity/(Q[1-9][0-9]*)")
_UNNAMED = re.compile(r"Q[0-9]+")
_YEAR = re.compile(r"(-?)0*([0-9]{1,7})-[0-9]{2}-[0-9]{2}T")


@dataclass(frozen=True)
class Listed:
    """An item of a slice: its number, and the titles of its files in a fixed order; none where its image is unknown."""

    number: int
    files: tuple[str, ...]


@dataclass
class Facts:
    """What Wikidata says of an item, by English names; ``types`` are Q-numbers to names, ``countries`` ISO codes to names."""

    label: str = ""
    types: dict[str, str] = field(default_factory=dict)
    countries: dict[str, str] = field(default_factory=dict)
    cities: set[str] = field(default_factory=set)
    styles: set[str] = field(default_factory=set)
    architects: set[str] = field(default_factory=set)
    years: set[int] = field(default_factory=set)


def listing_query(country: str, kind: str, *, after: int, since: str, limit: int) -> str:
    """Return the query for a slice's items with an image, by number, above ``after``, changed on or after the day ``since``."""
    changed = _CHANGED.format(since=since) if since else ""
    return _LISTING.format(country=country, kind=kind, changed=changed, after=after, limit=limit)


def facts_query(numbers: Sequence[int]) -> str:
    """Return the query for what is said of some items."""
    return _FACTS.format(items=" ".join(f"wd:Q{number}" for number in numbers))


def read_listing(data: bytes) -> list[Listed]:
    """Read the answer to a listing, by number.

    Raises:
        SourceError: it is cut off, or isn't the service's.
    """
    found = []
    for row in _rows(data):
        item = _ITEM.fullmatch(row.get("item", ""))
        titles = sorted({title for url in row.get("images", "").split() if (title := _title(url))})
        if item:
            found.append(Listed(int(item[1][1:]), tuple(titles)))
    return sorted(found, key=lambda listed: listed.number)


def read_facts(data: bytes) -> dict[int, Facts]:
    """Read the answer to a query for facts.

    Raises:
        SourceError: it is cut off, or isn't the service's.
    """
    found: dict[int, Facts] = {}
    for row in _rows(data):
        item = _ITEM.fullmatch(row.get("item", ""))
        if item:
            facts = found.setdefault(int(item[1][1:]), Facts(_name(row.get("itemLabel", ""))))
            _add(facts, row)
    return found


def _add(facts: Facts, row: dict[str, str]) -> None:
    what, value, name = row.get("what", ""), row.get("value", ""), _name(row.get("valueLabel", ""))
    entity = _ITEM.fullmatch(value)
    if what == "year":
        year = _YEAR.match(value)
        facts.years |= {int(year[1] + year[2])} if year else set()
    elif what == "country" and re.fullmatch("[A-Z]{2}", row.get("code", "")):
        facts.countries[row["code"]] = name or row["code"]
    elif what == "type" and entity:
        facts.types[entity[1]] = name
    elif entity and name:
        named = {"style": facts.styles, "architect": facts.architects, "city": facts.cities}.get(what)
        if named is not None:
            named.add(name)


def _rows(data: bytes) -> Iterator[dict[str, str]]:
    try:
        bindings = json.loads(data)["results"]["bindings"]
        rows = [{str(name): _value(cell) for name, cell in row.items()} for row in bindings]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        if b"TimeoutException" in data:
            raise SourceError("The Wikidata query service gave a query up after its 60 s. A later run asks again.") from None
        begins = text_of(data[:200].decode("utf-8", "replace"))
        raise SourceError(
            f"The Wikidata query service's answer isn't SPARQL results in JSON; it begins with '{begins}'. "
            "Open query_url in a browser to see what is there."
        ) from None
    yield from rows


def _value(cell: Any) -> str:
    return str(cell["value"])


def _name(text: str) -> str:
    """Return a label; nothing where the service gave the number or an address for want of one."""
    name = text_of(text)
    return "" if _UNNAMED.fullmatch(name) or name.startswith(("http://", "https://")) else name


def _title(url: str) -> str:
    """Return the title of the file that an image's address names; "" for an image that is said to be unknown."""
    _, there, name = url.partition("Special:FilePath/")
    name = unquote(name).replace("_", " ").strip() if there else ""
    return f"File:{name}" if name and not set(name) & set("|#<>[]{}\n") else ""

"""One list of items, what both services say of them, and one picture: four requests, as a rule, after which nothing is kept."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from perennial.sources.commons.query import Facts, Listed
from perennial.sources.commons.rounds import Slice
from perennial.sources.posts import RefusedRef
from perennial.sources.probe import Finding, image_findings, seen

if TYPE_CHECKING:
    from perennial.sources.commons.source import CommonsSource

MOST_LISTS = 5
TOLD = ("country", "place", "type", "instance_of", "style", "architect", "year")
ESSENTIAL = ("country", "place", "type")


def probe(source: "CommonsSource", names: Sequence[str], limit: int) -> list[Finding]:
    """Return what the first slice that isn't empty holds, and what is said of its items and files.

    Raises:
        SourceError: a service is away, or answers in another shape.
    """
    items = _listed(source, names, limit)
    found = [Finding("query service", "items", str(len(items)), len(items), max(len(items), 1), essential=True)]
    if not items:
        return found
    facts, files = source.facts(items), source.files(items)
    posts = [source.post(item, facts.get(item.number, Facts()), files) for item in items]
    images = [image for post in posts for image in post.images]
    taken = [image for image in images if not isinstance(image, RefusedRef)]
    refused = next((image.reason for image in images if isinstance(image, RefusedRef)), "")
    said = {name: [post.metadata.get(name, "") for post in posts] for name in TOLD}
    return [
        *found,
        seen("query service", "label", [one.label for one in facts.values()], essential=True),
        *(seen("query service", name, values, essential=name in ESSENTIAL) for name, values in said.items()),
        Finding("Commons", "free files", refused, len(taken), len(images), essential=True),
        seen("Commons", "licence", [image.licence for image in taken], essential=True),
        seen("Commons", "credit", [image.credit for image in taken]),
        seen("Commons", "caption", [image.caption for image in taken]),
        *image_findings(source, taken),
    ]


def _listed(source: "CommonsSource", names: Sequence[str], limit: int) -> list[Listed]:
    for name in names[:MOST_LISTS]:
        items = [item for item in source.listing(name, limit, Slice()) if item.files]
        if items:
            return items
    return []

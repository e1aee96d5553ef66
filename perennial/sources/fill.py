"""How often a source's posts say what they should: a redesign of the site shows as one alarm instead of as silent nonsense.

The record of a source holds how many posts said each field: ``before``, of up to 500 posts, and ``recent``, of those that came
since. An alarm is raised where a field's share fell by more than a fifth beyond doubt: the ends of both shares' 99.9 % intervals
lie that far apart, so that neither one odd post nor a field that is often missing anyway raises it. While it stands, recent posts
aren't added to those before.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from perennial.shares import wilson
from perennial.sources.posts import Post

LEVEL = 0.999
DROP = 0.2
WINDOW = 30
"""Posts of one shape after which they count among those before."""

LONGEST_RECENT = 60
LONGEST_BEFORE = 500

Record = dict[str, Any]
Counts = Mapping[str, int]
_POSTS = ""  # how many posts there were, among the counts by field


def counts(posts: Iterable[Post]) -> Counts:
    """Return how many posts there are, under "", and how many of them say each field; ``images`` and ``title`` are fields too."""
    found = {_POSTS: 0}
    for post in posts:
        found[_POSTS] += 1
        said = {**post.metadata, "title": post.title, "images": "yes" if post.images else ""}
        for name, value in said.items():
            found[name] = found.get(name, 0) + bool(value)
    return found


def added_up(first: Counts, second: Counts) -> Counts:
    """Return the counts of two sets of posts together."""
    return {field: first.get(field, 0) + second.get(field, 0) for field in {**first, **second}}


def added(record: Mapping[str, Any] | None, now: Counts, *, parser: int) -> Record:
    """Return a source's record with one more run; one of another parser begins anew."""
    old = record if record and record.get("parser") == parser else {}
    before, recent = _read(old.get("before")), added_up(_read(old.get("recent")), now)
    if _fallen(before, recent):
        recent = _shrunk(recent, LONGEST_RECENT)
    elif recent[_POSTS] >= WINDOW:
        before, recent = _shrunk(added_up(before, recent), LONGEST_BEFORE), {_POSTS: 0}
    return {"parser": parser, "before": dict(before), "recent": dict(recent)}


def alarm(record: Mapping[str, Any] | None, name: str) -> str:
    """Return the sentence that a source's record calls for, or ""; ``name`` is what the source is called."""
    before, recent = _read((record or {}).get("before")), _read((record or {}).get("recent"))
    fallen = _fallen(before, recent)
    if not fallen:
        return ""
    said = ", ".join(f"{field} in {_share(recent, field):.0%} of them ({_share(before, field):.0%} before)" for field in fallen)
    return (
        f"{name} may have changed shape: of the last {recent[_POSTS]} posts, {said} was found. "
        f"'perennial sources check {name}' says what is still there."
    )


def rates(record: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the share of posts that say each field, of those before and since together."""
    all_posts = added_up(_read((record or {}).get("before")), _read((record or {}).get("recent")))
    return {field: round(_share(all_posts, field), 3) for field in sorted(all_posts) if field != _POSTS and all_posts[_POSTS]}


def _fallen(before: Counts, recent: Counts) -> list[str]:
    """Return the fields whose share fell beyond doubt."""
    if not before[_POSTS] or not recent[_POSTS]:
        return []

    def fell(field: str) -> bool:
        low, _ = wilson(before[field], before[_POSTS], level=LEVEL)
        _, high = wilson(recent.get(field, 0), recent[_POSTS], level=LEVEL)
        return high < low - DROP

    return sorted(field for field in before if field != _POSTS and fell(field))


def _read(document: Any) -> Counts:
    return {_POSTS: 0, **document} if isinstance(document, dict) else {_POSTS: 0}


def _shrunk(found: Counts, longest: int) -> Counts:
    """Scale counts down to at most so many posts, so that what is long ago counts less and less."""
    scale = min(1.0, longest / max(found[_POSTS], 1))
    return {field: round(count * scale) for field, count in found.items()}


def _share(found: Counts, field: str) -> float:
    return found.get(field, 0) / max(found[_POSTS], 1)

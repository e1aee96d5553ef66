"""Older posts, by the site's own list of all its pages."""

from collections.abc import Iterator

from perennial.sources.archdaily.listing import Reshaped
from perennial.sources.archdaily.sitemap import Sitemap, parse_sitemap
from perennial.sources.archdaily.text import UNDATED, post_address, same_site
from perennial.sources.posts import Gone, Known, Post
from perennial.sources.web import Fetcher

MAX_BYTES = 20 * 1024 * 1024


def older_posts(base: str, fetch: Fetcher, known: Known, name: str, said: list[str]) -> Iterator[Post]:
    """Yield the sitemap's posts that aren't known, newest first; a list of it is left out while it stays as it is.

    Articles are among them, since only their pages say what they are. ``said`` gets a sentence for each list that can't be read.
    """
    index = _sitemap(f"{base}/sitemap.xml", fetch, name, said, conditional=False)
    if index is None:
        return
    yield from _unknown(index, base, known)
    for url, _ in sorted(index.lists, key=lambda entry: (entry[1] or UNDATED, entry[0]), reverse=True):
        if not same_site(url, base):
            continue
        part = _sitemap(url, fetch, name, said, conditional=known.watermark is not None)
        found = False
        for post in _unknown(part, base, known) if part else ():
            found = True
            yield post
        if part and not found:
            fetch.confirm(url)


def _unknown(part: Sitemap, base: str, known: Known) -> Iterator[Post]:
    addresses = [(changed or UNDATED, address) for url, changed in part.pages if (address := post_address(url, base))]
    addresses.sort(key=lambda entry: (entry[0], int(entry[1][0])), reverse=True)
    return known.fresh(Post(number, url, UNDATED, "") for _, (number, url) in addresses)


def _sitemap(url: str, fetch: Fetcher, name: str, said: list[str], *, conditional: bool) -> Sitemap | None:
    """Return an index or a list; None where nothing in it changed, or where it can't be read."""
    ask = fetch.get_if_changed if conditional else fetch.get
    try:
        data = ask(url, max_bytes=MAX_BYTES)
        return parse_sitemap(data) if data is not None else None
    except (Gone, Reshaped) as error:
        said.append(f"{name}: {url} can't be read as a sitemap ({str(error).rstrip('.')}), so its posts weren't taken.")
        return None

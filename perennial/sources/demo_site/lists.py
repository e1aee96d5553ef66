"""What the demo site lists beside the JSON: its front page, its sitemap and its robots.txt."""

import datetime
import gzip
import html
from collections.abc import Iterable, Sequence

from perennial.sources.demo_site.articles import DemoArticle, article_of
from perennial.sources.demo_site.pages import PAGE_POSTS
from perennial.sources.demo_site.posts import DemoPost

_SITEMAPS = "http://www.sitemaps.org/schemas/sitemap/0.9"


def front_page(posts: Sequence[DemoPost], page: int, url: str) -> str:
    """Return one front page: buildings and articles, newest first; empty past the end."""
    shown = _with_articles(posts)[(page - 1) * PAGE_POSTS : page * PAGE_POSTS]
    entries = "\n".join(
        f'<li><a href="{html.escape(_address(entry, url))}"><h3>{html.escape(entry.title)}</h3></a></li>' for entry in shown
    )
    if not shown:
        return ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Buildings</title></head>\n'
        f'<body><nav><a href="{url}/">Home</a></nav>\n<ul>{entries}</ul>\n'
        f'<a rel="next" href="{url}/page/{page + 1}">Next</a></body></html>\n'
    )


def sitemap_index(posts: Sequence[DemoPost], url: str) -> bytes:
    """Return the gzipped index: a list for each month."""
    months = sorted({post.day.replace(day=1) for post in posts}, reverse=True)
    newest = {month: max(post.day for post in posts if post.day.replace(day=1) == month) for month in months}
    entries = ((f"{url}/sitemaps/{month:%Y-%m}.xml.gz", newest[month]) for month in months)
    return _packed("sitemapindex", "sitemap", entries)


def sitemap(posts: Sequence[DemoPost], month: str, url: str) -> bytes | None:
    """Return the gzipped list of one month's buildings and articles, such as 2026-02; None where there are none."""
    found = [entry for entry in _with_articles(posts) if f"{entry.day:%Y-%m}" == month]
    return _packed("urlset", "url", ((_address(entry, url), entry.day) for entry in found)) if found else None


def robots(url: str) -> str:
    """Return which addresses robots may ask for, as ArchDaily has it."""
    closed = "\n".join(f"Disallow: /{name}/" for name in ("cl", "cn", "br", "us", "mx", "co", "pe", "catalog/us"))
    return f"User-agent: *\nDisallow: *?replytocom\nAllow: /\n{closed}\n\nSitemap: {url}/sitemap.xml\n"


def _with_articles(posts: Sequence[DemoPost]) -> list[DemoPost | DemoArticle]:
    """Put each day's article among its buildings."""
    articles = [found for date in dict.fromkeys(post.day for post in posts) if (found := article_of(date))]
    return sorted([*posts, *articles], key=lambda entry: (entry.published, entry.id), reverse=True)


def _address(entry: DemoPost | DemoArticle, url: str) -> str:
    return f"{url}/{entry.id}/{entry.slug}"


def _packed(outer: str, inner: str, entries: Iterable[tuple[str, datetime.date]]) -> bytes:
    lines = "".join(f"<{inner}><loc>{html.escape(loc)}</loc><lastmod>{date}</lastmod></{inner}>" for loc, date in entries)
    text = f'<?xml version="1.0" encoding="UTF-8"?><{outer} xmlns="{_SITEMAPS}">{lines}</{outer}>'
    return gzip.compress(text.encode(), mtime=0)

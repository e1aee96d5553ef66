"""The sitemap's index and lists, packed, damaged and hostile."""

import datetime
import gzip

import pytest

from perennial.sources.archdaily import sitemap as sitemaps
from perennial.sources.archdaily.listing import Reshaped
from perennial.sources.archdaily.sitemap import parse_sitemap
from tests.sources.archdaily.pages import BASE, sitemap

DAY = datetime.date(2026, 2, 20)
ADDRESSES = ((f"{BASE}/9/a&b", "2026-02-20T07:00:00Z"), (f"{BASE}/8/casa-são", "soon"))
FOUND = ((f"{BASE}/9/a&b", DAY), (f"{BASE}/8/casa-são", None))


@pytest.mark.parametrize("zipped", [True, False])
def test_lists_and_indexes_are_read(zipped: bool) -> None:
    assert parse_sitemap(sitemap(*ADDRESSES, zipped=zipped)) == sitemaps.Sitemap(pages=FOUND)
    assert parse_sitemap(sitemap(*ADDRESSES, index=True, zipped=zipped)) == sitemaps.Sitemap(lists=FOUND)


def test_entries_without_parts() -> None:
    entries = b"<url/><url><lastmod>2026-02-20</lastmod></url><url><loc> https://a/1/b </loc></url><x><loc>no</loc></x>"
    assert parse_sitemap(b"<urlset>" + entries + b"</urlset>").pages == (("https://a/1/b", None),)


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
FILE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "isn't a sitemap's XML"),
        (b"<html><body>", "isn't a sitemap's XML"),
        (b'{"results": []}', "isn't a sitemap's XML"),
        (b"<html/>", "lists no address"),
        (LAUGHS, "isn't a sitemap's XML"),
        (FILE, "isn't a sitemap's XML"),
        (gzip.compress(LAUGHS, mtime=0), "isn't a sitemap's XML"),
        (sitemap(*ADDRESSES)[:-20], "cut off"),
        (b"\x1f\x8b\x08\x00" + b"\xff" * 50, "damaged"),
    ],
)
def test_another_shape_is_said(body: bytes, reason: str) -> None:
    with pytest.raises(Reshaped, match=reason):
        parse_sitemap(body)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemaps, "MAX_BYTES", 1_000_000)
    with pytest.raises(Reshaped, match="more than 1,000,000 bytes unpacked"):
        parse_sitemap(gzip.compress(b" " * 50_000_000))

"""Whole runs against a site of ten posts where one thing is bad: what the run says, and that the rest is taken all the same."""

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

from perennial.catalog.catalog import Catalog
from perennial.catalog.objects import Objects
from perennial.catalog.quarantine import quarantined
from perennial.errors import SourceError
from perennial.sources.demo_site.pages import picture_address
from perennial.sources.demo_site.posts import first_day
from perennial.sources.demo_site.server import DemoSite
from perennial.sources.scrape import scrape
from perennial.sources.web import fetcher
from tests.sources.conftest import demo_task
from tests.sources.web.conftest import QUICK
from tests.sources.web.rogue import BROTLI_BOMB, Behaviour, Rogue, bomb, endless, head, ok, raw, redirect, repeating

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 400
HTML = b"<!DOCTYPE html><html><body>Please prove that you are human</body></html>"
GOOD = None
"""What the site itself answers."""


@dataclass(frozen=True)
class Row:
    """``sent`` for ``what``, a thing of the third post; ``lost`` is what the catalog goes without, for which reason.

    ``later`` means that a run may end there or go on without it; once the site is well, the next one takes it.
    """

    name: str
    what: Literal["picture", "page", "gallery", "listing", "robots"]
    sent: list[Behaviour | None]
    lost: Literal["nothing", "picture", "post", "later"]
    says: str = ""


ROWS = [
    Row("endless body", "picture", [repeating(head(), endless(bytes(900_000)))], "picture", "more than 20,971,520 bytes"),
    Row("too long by its head", "picture", [raw(head(content_length=10**12))], "picture", "more than 20,971,520 bytes"),
    Row("gzip bomb", "picture", [ok(bomb(30), content_encoding="gzip")], "picture", "more than 20,971,520 bytes"),
    Row("brotli bomb", "picture", [ok(BROTLI_BOMB, content_encoding="br")], "picture", "packed with 'br'"),
    Row("redirect loop", "picture", [redirect("?again")], "picture", "redirects more than 5 times"),
    Row(
        "to metadata",
        "picture",
        [redirect("http://169.254.169.254/latest/")],
        "picture",
        "169.254.169.254, which is inside",
    ),
    Row("to IPv6 loopback", "picture", [redirect("http://[::1]:80/")], "picture", "lies at ::1, which is inside"),
    Row("HTML for JPEG", "picture", [ok(HTML, content_type="image/jpeg")], "picture", "is a web page where a picture"),
    Row("JPEG in name only", "picture", [ok(JPEG)], "picture", "damaged"),
    Row("404", "picture", [ok(b"", status="404 No")], "picture", "answers 404"),
    Row("length too small", "picture", [ok(JPEG, content_length=2000)], "picture", "damaged or cut off"),
    Row("reset once", "picture", [raw(head(content_length=9) + b"x", reset=True), GOOD], "nothing"),
    Row("cut off once", "picture", [raw(head(content_length=900_000) + JPEG), GOOD], "nothing"),
    Row("429 once", "picture", [ok(b"", status="429 No"), GOOD], "nothing"),
    Row("429 once, with a time", "picture", [ok(b"", status="429 No", retry_after=1), GOOD], "nothing"),
    Row("503 once", "picture", [ok(b"", status="503 No"), GOOD], "nothing"),
    Row("429 for hours", "picture", [ok(b"", status="429 No", retry_after=9000)], "later", "left alone until"),
    Row("slow drip", "picture", [repeating(head(content_length=9000), endless(b"x"), 0.05)], "later", "comes too slowly"),
    Row("reset always", "picture", [raw(head(content_length=9) + b"x", reset=True)], "later", "doesn't answer"),
    Row("500 always", "picture", [ok(b"", status="500 No")], "later", "answers 500"),
    Row("403 always", "picture", [ok(b"", status="403 No")], "later", "the site refuses"),
    Row("page gone", "page", [ok(b"", status="410 No")], "post", "answers 410"),
    Row("page inside", "page", [redirect("http://10.0.0.1/")], "post", "lies at 10.0.0.1, which is inside"),
    Row("page of bytes", "page", [ok(JPEG, content_type="text/html")], "post", "no text where a web page was expected"),
    Row("gallery too large", "gallery", [repeating(head(), endless(bytes(900_000)))], "post"),
    Row("listing away", "listing", [ok(b"", status="502 No")], "later", "answers 502"),
    Row("listing that is HTML", "listing", [ok(HTML, content_type="application/json")], "nothing", "front page was read instead"),
    Row("robots.txt away", "robots", [ok(b"", status="500 No")], "later", "robots.txt of .* can't be had, so nothing is fetched"),
    Row("robots.txt forbids", "robots", [ok(b"User-agent: *\nDisallow: /")], "later", "may not be fetched"),
    Row("no robots.txt", "robots", [ok(b"", status="404 No")], "nothing"),
    Row("robots.txt of 10 MB", "robots", [ok(b"User-agent: *\n" + b"Disallow: /x\n" * 800_000)], "nothing"),
]


class Site:
    """The demo's site with two days of posts behind the rogue, and where its third post's things lie."""

    def __init__(self) -> None:
        self.demo = DemoSite(seed=0, today=first_day() + datetime.timedelta(days=1))
        self.rogue = Rogue(self._answer)
        self.demo._url = self.rogue.url
        self.post = self.demo.posts()[2]
        page = f"/{self.post.id}/{self.post.slug}"
        picture = urlsplit(picture_address(self.post, 0, 0, "large_jpg", "")).path
        self.places = {"picture": picture, "page": page, "gallery": f"{page}/", "listing": "/search/", "robots": "/robots.txt"}

    def break_(self, row: Row) -> None:
        place, sent = self.places[row.what], list(row.sent)

        def answer(path: str) -> Behaviour | None:
            bad = path.startswith(place) and (row.what != "page" or path == place)
            found = (sent.pop(0) if len(sent) > 1 else sent[0]) if bad else GOOD
            return found or self._answer(path)

        self.rogue.otherwise = answer

    def heal(self) -> None:
        self.rogue.otherwise = self._answer

    def _answer(self, path: str) -> Behaviour | None:
        address = urlsplit(path)
        found = self.demo.answer(address.path, address.query)
        return ok(found[1], content_type=found[0]) if found else None


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.rogue.close()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the catalog holds after a run in which nothing is bad."""
    site, catalog = Site(), Catalog.open(Objects.open((tmp_path_factory.mktemp("undisturbed") / "store").as_uri()))
    assert scrape(demo_task(site.rogue.url), catalog).posts == 10
    site.rogue.close()
    return rows(catalog)


def rows(catalog: Catalog) -> list[dict[str, Any]]:
    """Return the catalog's rows, but for what only the listing says."""
    found = catalog.images().drop_columns(["metadata", "title"]).to_pylist()
    return sorted(found, key=lambda row: str(row["id"]))


def run(site: Site, catalog: Catalog) -> str:
    """Scrape, and return what the run said, or why it failed."""
    try:
        return scrape(demo_task(site.rogue.url), catalog).sentence
    except SourceError as error:
        return str(error)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_one_bad_thing_is_said_and_the_rest_is_taken(
    row: Row, site: Site, catalog: Catalog, undisturbed: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetcher, "USUAL", replace(QUICK, grace_s=0.3, slowest=1000))
    lost = {
        "nothing": lambda found: False,
        "picture": lambda found: found["url"] == site.places["picture"],
        "post": lambda found: found["post"] == f"demo/{site.post.id}",
        "later": lambda found: False,
    }[row.lost]
    site.break_(row)
    said = "\n".join([run(site, catalog), *(record.reason for record in quarantined(catalog.objects))])
    if row.lost == "later":
        assert all(found in undisturbed for found in rows(catalog))
        site.heal()
        for key in list(catalog.objects.keys("sources/hosts")):  # time has passed
            catalog.objects.delete(key)
        run(site, catalog)
    else:
        assert said.count("\n") == (row.lost == "picture" or row.what == "page")
    assert rows(catalog) == [found for found in undisturbed if not lost(found)]
    pictures = {key.rpartition("/")[2] for key in catalog.objects.keys("images")}
    assert pictures == {f"{found['id']}.jpg" for found in rows(catalog)}
    assert re.search(row.says, said), said

"""The table of bad answers: what is sent, what is said; nothing of it reaches the store but the host's state."""

import gzip
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from perennial.catalog.objects import Objects
from perennial.errors import SourceError
from perennial.sources.posts import Gone, Paused
from perennial.sources.web import Failing, Fetcher
from tests.sources.web.rogue import BROTLI_BOMB, Behaviour, Rogue, bomb, endless, head, ok, packed, raw, redirect, repeating

HTML = b"<!DOCTYPE html><html><body>Please prove that you are human</body></html>"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 4
Make = Callable[..., Fetcher]


@dataclass(frozen=True)
class Row:
    """``sent`` by the server for each request, ``says`` the sentence, ``asked`` how often it was asked."""

    name: str
    sent: Behaviour | list[Behaviour]
    kind: type[SourceError]
    says: str
    asked: int = 3
    expect: str = "any"
    pages: dict[str, Behaviour] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


CHUNKED = head(transfer_encoding="chunked")
SLOW = {"grace_s": 0.2, "slowest": 1000, "deadline_s": 0.5, "attempts": 2}
ROWS = [
    Row("slow drip", repeating(head(content_length=9000), endless(b"x"), 0.05), Failing, "comes too slowly", 2, limits=SLOW),
    Row(
        "slow drip of the head",
        repeating(b"HTTP/1.1 200 OK\r\nX: ", endless(b"x"), 0.1),
        Failing,
        "takes too long",
        2,
        limits=SLOW,
    ),
    Row("slow drip of empty chunks", repeating(CHUNKED + b"1", endless(b";x"), 0.1), Failing, "takes too long", 2, limits=SLOW),
    Row("silence", repeating(b"", [b""], 2), Failing, "takes too long", 1, limits={"silence_s": 0.2, "attempts": 1}),
    Row("endless body", repeating(head(), endless(bytes(9000))), Gone, "more than 100,000 bytes", 1),
    Row("endless chunks", repeating(CHUNKED, endless(chunk(bytes(9000)))), Gone, "more than 100,000 bytes", 1),
    Row("endless head", repeating(b"HTTP/1.1 200 OK\r\n", endless(b"X: " + b"x" * 900 + b"\r\n")), Failing, "doesn't answer"),
    Row("gzip bomb", ok(bomb(80), content_encoding="gzip"), Gone, "more than 100,000 bytes", 1),
    Row("gzip bomb in a gzip file", ok(bomb(80)), Gone, "more than 100,000 bytes", 1, "xml"),
    Row("brotli bomb", ok(BROTLI_BOMB, content_encoding="br"), Gone, "packed with 'br'", 1),
    Row("packed twice", ok(b"x", content_encoding="gzip, gzip"), Gone, "packed with 'gzip, gzip'", 1),
    Row("gzip that is none", ok(JPEG, content_encoding="gzip"), Failing, "is damaged"),
    Row("gzip that is cut off", ok(gzip.compress(JPEG)[:-9], content_encoding="gzip"), Failing, "is cut off"),
    Row("length too large", raw(head(content_length=500) + b"short"), Failing, "doesn't answer"),
    Row("length larger than allowed", raw(head(content_length=100_001)), Gone, "more than 100,000 bytes", 1),
    Row("length that is none", raw(head(content_length="many") + b"x"), Failing, "doesn't answer"),
    Row("two lengths", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"), Failing, "doesn't answer"),
    Row("chunk of wrong length", raw(CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n"), Failing, "doesn't answer"),
    Row("chunks without an end", raw(CHUNKED + chunk(b"abc")), Failing, "doesn't answer"),
    Row("reset midway", raw(head(content_length=500) + b"short", reset=True), Failing, "doesn't answer"),
    Row("reset at once", raw(reset=True), Failing, "doesn't answer"),
    Row("no HTTP", raw(b"220 mail.example.org ESMTP\r\n"), Failing, "doesn't answer"),
    Row("redirect loop", redirect("/bad"), Gone, "redirects more than 5 times", 6),
    Row("redirect to itself in turns", redirect("/b"), Gone, "redirects more than 5", 3, pages={"/b": redirect("/bad")}),
    Row("redirect to metadata", redirect("http://169.254.169.254/latest/"), Gone, "169.254.169.254, which is inside", 1),
    Row("redirect to IPv6 loopback", redirect("http://[::1]/"), Gone, "::1, which is inside", 1),
    Row("redirect to a file", redirect("file:///etc/passwd"), Gone, "not a web address", 1),
    Row("redirect to nowhere", ok(b"", status="302 Found"), Gone, "answers 302", 1),
    Row("redirect to no address", redirect("http://[/"), Gone, "not an address", 1),
    Row("redirect with control characters", redirect("http://exa\x01mple.org/"), Gone, r"exa\\x01mple.org/ is not an address", 1),
    Row("HTML where JPEG was said", ok(HTML, content_type="image/jpeg"), Gone, "is a web page where a picture was", 1, "image"),
    Row("JSON where JPEG was said", ok(b'{"a": 1}', content_type="image/jpeg"), Gone, "is JSON where a picture was", 1, "image"),
    Row("SVG where JPEG was said", ok(b"<svg/>", content_type="image/jpeg"), Gone, "is XML where a picture was", 1, "image"),
    Row("text where JPEG was said", ok(b"Not found"), Gone, "is text where a picture", 1, "image"),
    Row("nothing where JPEG was said", ok(b""), Gone, "is empty where a picture", 1, "image"),
    Row("JPEG where HTML was said", ok(JPEG, content_type="text/html"), Gone, "is no text where a web page was", 1, "html"),
    Row("HTML where JSON was said", ok(HTML, content_type="application/json"), Gone, "is a web page where JSON was", 1, "json"),
    Row("HTML where a sitemap was said", ok(HTML, content_type="text/xml"), Gone, "is a web page where XML was", 1, "xml"),
    Row("429 without Retry-After", ok(b"", status="429 Too Many Requests"), Failing, "answers 429"),
    Row("429 with a short one", ok(b"", status="429 No", retry_after=1), Failing, "answers 429", 2, limits={"attempts": 2}),
    Row("429 with a long one", ok(b"", status="429 No", retry_after=7200), Paused, "asked to be left alone until 20", 1),
    Row("429 with nonsense", ok(b"", status="429 No", retry_after="soon"), Failing, "answers 429"),
    Row("503 till a date", ok(b"", status="503 No", retry_after="Wed, 01 Jan 2098 00:00:00 GMT"), Paused, "left alone until", 1),
    Row("500", ok(b"", status="500 No"), Failing, "answers 500"),
    Row("403", ok(b"", status="403 No"), Failing, "the site refuses", 1),
    Row("404", ok(b"", status="404 No"), Gone, "answers 404", 1),
    Row("206", ok(b"part", status="206 Partial Content"), Gone, "answers 206", 1),
    Row("304 unasked", raw(head("304 Not Modified")), Gone, "which wasn't asked", 1),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_a_bad_answer_is_said_and_touches_nothing(row: Row, rogue: Rogue, fetcher: Make, objects: Objects) -> None:
    rogue.pages |= {"/bad": row.sent, "/good": ok(b"hello"), **row.pages}
    fetch = fetcher(limits=row.limits)
    with pytest.raises(row.kind, match=row.says):
        fetch.get(f"{rogue.url}/bad", max_bytes=100_000, expect=row.expect)  # type: ignore[arg-type]
    assert rogue.asked["/bad"] == row.asked
    if row.kind is not Paused:
        assert fetch.get(f"{rogue.url}/good") == b"hello"
    fetch.close()
    assert set(objects.keys()) <= {f"sources/hosts/127.0.0.1_{rogue.port}.json"}


GOOD = {
    "reset once": [raw(head(content_length=500) + b"x", reset=True), ok(JPEG)],
    "cut off twice": [raw(head(content_length=5000) + JPEG)] * 2 + [ok(JPEG)],
    "busy once": [ok(b"", status="429 No"), ok(JPEG)],
    "away once": [ok(b"", status="503 No", retry_after=1), ok(JPEG)],
    "packed": [packed(JPEG)],
    "chunked": [raw(CHUNKED + chunk(JPEG[:9]) + chunk(JPEG[9:]) + b"0\r\n\r\n")],
    "without a length": [raw(head() + JPEG)],
    "called a web page": [ok(JPEG, content_type="text/html")],
    "redirected": [redirect("/good")],
    "with bytes after its end": [ok(JPEG), ok(JPEG, content_length=len(JPEG))],
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_bad_once_or_only_odd_is_taken(name: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages |= {"/a": GOOD[name], "/good": ok(JPEG)}
    assert fetcher().get(f"{rogue.url}/a", expect="image") == JPEG


def test_a_body_longer_than_it_says_is_cut_and_spoils_nothing_after_it(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages |= {"/a": ok(JPEG + b"HTTP/1.1 nonsense", content_length=len(JPEG)), "/b": ok(b"other")}
    fetch = fetcher()
    for _ in range(3):
        assert fetch.get(f"{rogue.url}/a") == JPEG
        assert fetch.get(f"{rogue.url}/b") == b"other"


def test_a_bomb_takes_no_memory(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/a"] = ok(bomb(150), content_encoding="gzip")
    fetch = fetcher()
    tracemalloc.start()
    try:
        with pytest.raises(Gone, match="more than"):
            fetch.get(f"{rogue.url}/a")
        assert tracemalloc.get_traced_memory()[1] < 15_000_000
    finally:
        tracemalloc.stop()

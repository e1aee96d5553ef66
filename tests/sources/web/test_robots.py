"""robots.txt: read daily, kept in the store, kept to; a stop where it can't be had."""

import time
from collections.abc import Callable

import pytest

from perennial.catalog.objects import Objects
from perennial.sources.posts import Gone, Paused
from perennial.sources.web import Fetcher, LeftAlone
from tests.sources.web.conftest import Clock
from tests.sources.web.rogue import Behaviour, Rogue, bomb, head, ok, packed, raw, redirect, repeating

Make = Callable[..., Fetcher]
HOUR = 3600
ARCHDAILY = """
User-agent: *
Disallow: *?replytocom
Allow: /
Disallow: /us/
Disallow: /catalog/br/
"""


def robots(text: str) -> Behaviour:
    return ok(text.encode(), content_type="text/plain")


@pytest.fixture(autouse=True)
def page(rogue: Rogue) -> None:
    rogue.otherwise = lambda path: ok(b"hello")


@pytest.mark.parametrize("path", ["/1040705/x", "/page/2", "/search/api/v1/us/projects?page=1", "/"])
def test_what_is_allowed_is_fetched(path: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = robots(ARCHDAILY)
    assert fetcher(robots=True).get(rogue.url + path) == b"hello"


@pytest.mark.parametrize("path", ["/us/1", "/catalog/br/x", "/1040705/x?replytocom=1"])
def test_what_is_not_allowed_is_not_asked(path: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = robots(ARCHDAILY)
    with pytest.raises(Gone, match=r"may not be fetched: the robots.txt of 127.0.0.1:\d+ says so"):
        fetcher(robots=True).get(rogue.url + path)
    assert set(rogue.asked) == {"/robots.txt"}


def test_rules_for_this_software_come_before_those_for_all(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = robots("User-agent: *\nAllow: /\n\nUser-agent: Perennial\nDisallow: /")
    with pytest.raises(Gone, match="may not be fetched"):
        fetcher(robots=True).get(f"{rogue.url}/a")


@pytest.mark.parametrize("start", ["\ufeff", "\r\n", "# Größe\n", "Sitemap: /x\n"])
def test_it_may_begin_oddly(start: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = robots(f"{start}User-Agent: *\r\nDISALLOW: /")
    with pytest.raises(Gone, match="may not be fetched"):
        fetcher(robots=True).get(f"{rogue.url}/a")


def test_a_redirect_is_checked_against_the_rules_of_where_it_leads(rogue: Rogue, fetcher: Make) -> None:
    other = Rogue()
    other.pages["/robots.txt"] = robots("User-agent: *\nDisallow: /")
    rogue.pages["/a"] = redirect(f"{other.url}/picture.jpg")
    with pytest.raises(Gone, match="may not be fetched"):
        fetcher(robots=True, allowed=[rogue.place, other.place]).get(f"{rogue.url}/a")
    assert set(other.asked) == {"/robots.txt"}
    other.close()


def test_it_is_read_once_a_day_by_all_runs(rogue: Rogue, fetcher: Make, clock: Clock) -> None:
    rogue.pages["/robots.txt"] = [robots("User-agent: *\nAllow: /"), robots("User-agent: *\nDisallow: /")]
    for _ in range(3):
        fetcher(robots=True).get(f"{rogue.url}/a")
    assert rogue.asked["/robots.txt"] == 1
    clock.seconds += 24 * HOUR
    with pytest.raises(Gone, match="may not be fetched"):
        fetcher(robots=True).get(f"{rogue.url}/a")
    assert rogue.asked["/robots.txt"] == 2


AWAY = {
    "500": ok(b"", status="500 No"),
    "503": ok(b"", status="503 No", retry_after=0),
    "429": ok(b"", status="429 No"),
    "reset": raw(reset=True),
    "silent": repeating(b"", [b""], 2),
    "leads inside": redirect("http://169.254.169.254/robots.txt"),
    "leads nowhere": redirect("/robots.txt"),
    "odd status": ok(b"", status="206 Partial Content"),
    "no place to lead to": ok(b"", status="302 Found"),
    "packed oddly": ok(b"x", content_encoding="br"),
}


@pytest.mark.parametrize("name", AWAY)
def test_without_it_nothing_is_asked(name: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = AWAY[name]
    fetch = fetcher(robots=True, limits={"silence_s": 0.2, "attempts": 2})
    for _ in range(3):
        with pytest.raises(LeftAlone, match=r"The robots.txt of 127.0.0.1:\d+ can't be had, so nothing is fetched there: "):
            fetch.get(f"{rogue.url}/a")
    assert rogue.asked["/robots.txt"] <= 6
    assert not rogue.asked["/a"]


@pytest.mark.parametrize("status", ["401 No", "403 No", "404 No", "410 No"])
def test_where_there_is_none_all_is_allowed(status: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = ok(b"User-agent: *\nDisallow: /", status=status)
    assert fetcher(robots=True).get(f"{rogue.url}/a") == b"hello"


def test_a_copy_stands_in_for_a_day(rogue: Rogue, fetcher: Make, clock: Clock) -> None:
    rogue.pages["/robots.txt"] = [robots("User-agent: *\nDisallow: /b"), AWAY["500"]]
    assert fetcher(robots=True).get(f"{rogue.url}/a") == b"hello"
    clock.seconds += 22 * HOUR
    fetch = fetcher(robots=True)
    assert fetch.get(f"{rogue.url}/a") == b"hello"
    with pytest.raises(Gone, match="may not be fetched"):
        fetch.get(f"{rogue.url}/b")
    assert rogue.asked["/robots.txt"] == 1 + 3
    clock.seconds += 3 * HOUR
    with pytest.raises(LeftAlone, match="can't be had"):
        fetch.get(f"{rogue.url}/a")


def test_of_ten_megabytes_the_first_half_is_read(rogue: Rogue, fetcher: Make, objects: Objects) -> None:
    line = b"# nothing to see here\n"
    rules = b"User-agent: *\nDisallow: /early\n" + line * 480_000 + b"Disallow: /late\n"
    assert len(rules) > 10_000_000
    for number, sent in enumerate((ok(rules), packed(rules), raw(head(), rules))):
        rogue.pages["/robots.txt"] = sent
        objects.delete(f"sources/hosts/127.0.0.1_{rogue.port}.json")
        fetch = fetcher(robots=True)
        assert fetch.get(f"{rogue.url}/late") == b"hello", number
        with pytest.raises(Gone, match="may not be fetched"):
            fetch.get(f"{rogue.url}/early")
    (key,) = objects.keys()
    assert len(objects.get(key)) < 600_000


NONSENSE = {
    "bomb": ok(bomb(20), content_encoding="gzip"),
    "HTML": ok(b"<!DOCTYPE html><p>Oops"),
    "bytes": ok(bytes(range(256)) * 9),
}


@pytest.mark.parametrize("name", NONSENSE)
def test_nonsense_in_its_place_allows_all(name: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = NONSENSE[name]
    assert fetcher(robots=True).get(f"{rogue.url}/a") == b"hello"


@pytest.mark.parametrize(
    ("line", "delay_s"), [("Crawl-delay: 0.3", 0.3), ("Request-rate: 10/1", 0.1), ("Crawl-delay: 0.001", 0.05)]
)
def test_the_longer_pause_counts(line: str, delay_s: float, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = robots(f"User-agent: *\n{line}\nDisallow: /x")
    fetch, began = fetcher(robots=True, delay_s=0.05), time.monotonic()
    for _ in range(3):
        fetch.get(f"{rogue.url}/a")
    assert time.monotonic() - began >= 0.05 + 2 * delay_s


def test_a_pause_that_no_run_can_keep_is_said(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = robots("User-agent: *\nCrawl-delay: 86400")
    with pytest.raises(LeftAlone, match="asks robots to wait 86,400 s between two requests"):
        fetcher(robots=True).get(f"{rogue.url}/a")


def test_a_long_retry_after_on_it_is_a_pause(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/robots.txt"] = ok(b"", status="503 No", retry_after=7200)
    with pytest.raises(Paused, match="left alone until"):
        fetcher(robots=True).get(f"{rogue.url}/a")

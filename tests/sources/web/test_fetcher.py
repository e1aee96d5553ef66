"""Fetching: bounded, patient with a tired site, and blind to the inside of the network."""

import socket
import time
from dataclasses import replace

import pytest

from perennial.errors import SourceError
from perennial.sources.posts import Gone
from perennial.sources.web import Fetcher, Limits, Manners, place_of
from tests.sources.conftest import Web

QUICK = Limits(connect_s=2, silence_s=2, deadline_s=5, retry_s=0.01, busy_s=0.05)


def fetcher(*allowed: str, delay_s: float = 0, attempts: int = 3) -> Fetcher:
    manners = Manners("ops@example.org", delay_s, None)
    return Fetcher(None, manners, allowed=[place_of(url) for url in allowed], limits=replace(QUICK, attempts=attempts))


def test_a_body_comes_back(web: Web) -> None:
    web.pages["/a"] = (200, {}, b"hello")
    with fetcher(web.url) as fetch:
        assert fetch.get(f"{web.url}/a") == b"hello"


def test_what_is_not_there_is_asked_once(web: Web) -> None:
    with fetcher(web.url) as fetch, pytest.raises(Gone, match="answers 404"):
        fetch.get(f"{web.url}/nothing")
    assert web.asked["/nothing"] == 1


def test_a_tired_site_is_asked_again_after_the_time_it_wants(web: Web) -> None:
    web.pages["/a"] = [(503, {"Retry-After": "1"}, b""), (200, {}, b"hello")]
    began = time.monotonic()
    with fetcher(web.url) as fetch:
        assert fetch.get(f"{web.url}/a") == b"hello"
    assert time.monotonic() - began >= 1
    assert web.asked["/a"] == 2


def test_a_site_that_stays_tired_is_an_error(web: Web) -> None:
    web.pages["/a"] = (500, {}, b"")
    with fetcher(web.url, attempts=2) as fetch, pytest.raises(SourceError, match="answers 500"):
        fetch.get(f"{web.url}/a")
    assert web.asked["/a"] == 2


def test_a_refusal_is_respected_at_once(web: Web) -> None:
    web.pages["/a"] = (403, {}, b"")
    with fetcher(web.url) as fetch, pytest.raises(SourceError, match="the site refuses"):
        fetch.get(f"{web.url}/a")
    assert web.asked["/a"] == 1


def test_nobody_there_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with fetcher(url, attempts=1) as fetch, pytest.raises(SourceError, match="doesn't answer"):
            fetch.get(f"{url}/a")


@pytest.mark.parametrize("headers", [{}, {"Content-Length": None}])
def test_too_many_bytes_are_cut_short(web: Web, headers: dict[str, None]) -> None:
    web.pages["/a"] = (200, headers, bytes(200_000))
    with fetcher(web.url) as fetch, pytest.raises(Gone, match="more than 1,000 bytes"):
        fetch.get(f"{web.url}/a", max_bytes=1000)


def test_redirects_are_followed_to_a_limit(web: Web) -> None:
    web.pages["/a"] = (302, {"Location": "/b"}, b"")
    web.pages["/b"] = (200, {}, b"hello")
    web.pages["/loop"] = (302, {"Location": "/loop"}, b"")
    with fetcher(web.url) as fetch:
        assert fetch.get(f"{web.url}/a") == b"hello"
        with pytest.raises(Gone, match="redirects more than 5 times"):
            fetch.get(f"{web.url}/loop")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://localhost:9/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://2130706433/",
        "http://0.0.0.0/",
        "http://10.0.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1%25lo]/",
        "http://[fd00:ec2::254]/",
    ],
)
def test_addresses_inside_the_network_are_refused(web: Web, url: str) -> None:
    web.pages["/a"] = (302, {"Location": url}, b"")
    with fetcher(web.url, attempts=1) as fetch:
        with pytest.raises(SourceError, match=r"inside a network|has no address|not an address"):
            fetch.get(url)
        with pytest.raises(SourceError, match=r"inside a network|has no address|not an address"):
            fetch.get(f"{web.url}/a")


def test_the_source_own_host_on_another_port_is_refused(web: Web) -> None:
    other = Web()
    other.pages["/secret"] = (200, {}, b"secret")
    web.pages["/a"] = (302, {"Location": f"{other.url}/secret"}, b"")
    with fetcher(web.url) as fetch, pytest.raises(Gone, match="inside a network"):
        fetch.get(f"{web.url}/a")
    assert not other.asked
    other.close()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org/", "data:text/plain,x", "/a", "http://[/"])
def test_other_schemes_are_refused(web: Web, url: str) -> None:
    with fetcher(web.url, attempts=1) as fetch, pytest.raises(Gone, match=r"not a web address|not an address"):
        fetch.get(url)


def test_requests_keep_their_distance(web: Web) -> None:
    web.pages["/a"] = (200, {}, b"hello")
    began = time.monotonic()
    with fetcher(web.url, delay_s=0.1) as fetch:
        for _ in range(3):
            fetch.get(f"{web.url}/a")
    assert time.monotonic() - began >= 0.2

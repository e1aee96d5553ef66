"""What may be asked at all, by its address as it is written."""

import socket

import pytest

from perennial.errors import SourceError
from perennial.sources.posts import Gone
from perennial.sources.web import Fetcher, Limits, Manners, place_of
from tests.sources.conftest import Web


def fetcher(*allowed: str) -> Fetcher:
    limits = Limits(connect_s=2, silence_s=2, deadline_s=5, retry_s=0.01, attempts=1)
    return Fetcher(None, Manners("", 0, None), allowed=[place_of(url) for url in allowed], limits=limits)


def test_a_body_comes_back(web: Web) -> None:
    web.pages["/a"] = (200, {}, b"hello")
    with fetcher(web.url) as fetch:
        assert fetch.get(f"{web.url}/a") == b"hello"


def test_nobody_there_is_an_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with fetcher(url) as fetch, pytest.raises(SourceError, match="doesn't answer"):
            fetch.get(f"{url}/a")


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
    with fetcher(web.url) as fetch:
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
    with fetcher(web.url) as fetch, pytest.raises(Gone, match=r"not a web address|not an address"):
        fetch.get(url)

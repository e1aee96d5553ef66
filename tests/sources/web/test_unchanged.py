"""Pages that are asked for again: only what changed comes back, and nothing is lost by a kill in between."""

from collections.abc import Callable
from typing import Any

import pytest

from perennial.sources.posts import Gone
from perennial.sources.web import Fetcher
from tests.sources.web.rogue import Rogue, ok, redirect

Make = Callable[..., Fetcher]


class Page:
    """A page with a version, which answers 304 to those who have it."""

    def __init__(self, **validators: str) -> None:
        self.body = b"one"
        self.validators = validators
        self.sent = 0

    def __call__(self, stream: Any, heads: dict[str, str]) -> None:
        asked = {"etag": heads.get("if-none-match"), "last_modified": heads.get("if-modified-since")}
        if self.validators and self.validators.items() <= asked.items():
            return ok(b"", status="304 Not Modified", **self.validators)(stream, heads)
        self.sent += 1
        return ok(self.body, **self.validators)(stream, heads)


KINDS = [{"etag": '"1"'}, {"etag": 'W/"1"'}, {"last_modified": "Sat, 02 May 2026 10:00:00 GMT"}, {}]


@pytest.mark.parametrize("validators", KINDS, ids=["etag", "weak", "date", "none"])
def test_only_what_changed_comes_back(validators: dict[str, str], rogue: Rogue, fetcher: Make) -> None:
    page = rogue.pages["/list"] = Page(**validators)
    url = f"{rogue.url}/list"
    fetch = fetcher()
    assert fetch.get_if_changed(url) == b"one"
    fetch.confirm(url)
    assert fetcher().get_if_changed(url) is None
    assert page.sent == (1 if validators else 2)
    page.body, page.validators = b"two", {name: f"{value}2" for name, value in validators.items()}
    assert fetcher().get_if_changed(url) == b"two"


def test_what_was_not_dealt_with_comes_again(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/list"] = Page(etag='"1"')
    url = f"{rogue.url}/list"
    for _ in range(2):  # runs that are killed while they deal with it
        assert fetcher().get_if_changed(url) == b"one"
    fetch = fetcher()
    assert fetch.get_if_changed(url) == b"one"
    fetch.confirm(url)
    fetch.confirm(url)
    fetch.confirm(f"{rogue.url}/never-read")
    assert fetch.get_if_changed(url) is None


def test_what_can_not_be_used_is_not_remembered(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/list"] = Page(etag='"1"')
    fetch, url = fetcher(), f"{rogue.url}/list"
    with pytest.raises(Gone, match="is text where JSON"):
        fetch.get_if_changed(url, expect="json")
    fetch.confirm(url)
    assert fetch.get_if_changed(url) == b"one"


def test_the_version_belongs_to_where_a_redirect_led(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages |= {"/list": redirect("/v1"), "/v1": Page(etag='"1"'), "/v2": Page(etag='"1"')}
    fetch, url = fetcher(), f"{rogue.url}/list"
    fetch.get_if_changed(url)
    fetch.confirm(url)
    assert fetch.get_if_changed(url) is None
    assert ["if-none-match" in heads for heads in rogue.heads] == [False, False, False, True]
    rogue.pages |= {"/list": redirect("/v2")}
    rogue.pages["/v2"].body = b"two"  # type: ignore[union-attr]
    assert fetch.get_if_changed(url) == b"two"


@pytest.mark.parametrize("etag", ['"' + "x" * 2000 + '"', '"\xff"', '"a\x7fb"'])
def test_a_version_that_can_not_be_sent_back_is_left_out(etag: str, rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/list"] = ok(b"one", etag=etag)
    fetch, url = fetcher(), f"{rogue.url}/list"
    assert fetch.get_if_changed(url) == b"one"
    fetch.confirm(url)
    assert fetch.get_if_changed(url) is None
    assert "if-none-match" not in rogue.heads[-1]

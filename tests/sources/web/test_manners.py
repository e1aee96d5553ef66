"""Towards a host: an honest name, a pace, a day's cap, pauses that it asks for, and rest when it fails."""

import contextlib
import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from perennial import __version__
from perennial.catalog.objects import Objects
from perennial.errors import SourceError, StoreError
from perennial.sources.posts import Gone, Paused
from perennial.sources.web import Failing, Fetcher, LeftAlone, Manners, contact_or_stop
from perennial.sources.web.pace import Pace
from tests.sources.web.conftest import NOON, Clock
from tests.sources.web.rogue import Rogue, ok

Make = Callable[..., Fetcher]
DAY = 86400
JPEG = b"\xff\xd8\xff\xe0\x00"


def state(objects: Objects, rogue: Rogue) -> dict[str, Any]:
    document: dict[str, Any] = objects.get_json(f"sources/hosts/127.0.0.1_{rogue.port}.json")
    return document


def test_the_name_is_honest_and_only_gzip_is_asked_for(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/a"] = ok(b"hello", set_cookie="id=1")
    fetch = fetcher()
    fetch.get(f"{rogue.url}/a")
    fetch.get(f"{rogue.url}/a")
    assert rogue.heads[-1]["user-agent"] == f"perennial/{__version__} (+ops@example.org)"
    assert rogue.heads[-1]["accept-encoding"] == "gzip"
    assert "cookie" not in rogue.heads[-1]


@pytest.mark.parametrize("contact", ["a\r\nX: y", "bücher@example.org"])
def test_a_contact_that_no_header_can_carry_is_refused(contact: str) -> None:
    with pytest.raises(SourceError, match="PERENNIAL_CONTACT has characters"):
        Fetcher(None, Manners(contact, 0, None))


def test_no_contact_is_said_with_the_setting_to_set() -> None:
    assert contact_or_stop(" ops@example.org ", "archdaily") == "ops@example.org"
    with pytest.raises(SourceError, match=r"archdaily isn't asked without a contact.*Set PERENNIAL_CONTACT"):
        contact_or_stop(" ", "archdaily")


def test_threads_share_one_pace(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/a"] = ok(b"hello")
    fetch, began = fetcher(delay_s=0.1), time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(fetch.get, [f"{rogue.url}/a"] * 6))
    assert 0.5 <= time.monotonic() - began < 5


def test_no_more_connections_than_said(rogue: Rogue, fetcher: Make) -> None:
    open_now, most = 0, 0

    def slow(stream: Any, heads: Any) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        time.sleep(0.05)
        open_now -= 1
        ok(b"hello")(stream, heads)

    rogue.pages["/a"] = slow
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(fetcher(connections=2).get, [f"{rogue.url}/a"] * 6))
    assert most == 2


def test_a_short_retry_after_holds_all_threads(rogue: Rogue, fetcher: Make) -> None:
    asked: list[float] = []
    noted = lambda answer: lambda stream, heads: (asked.append(time.monotonic()), answer(stream, heads))[1]  # noqa: E731
    rogue.pages["/busy"] = [noted(ok(b"", status="429 No", retry_after=1)), ok(b"well")]
    rogue.pages["/a"] = noted(ok(b"hello"))
    fetch = fetcher()
    with ThreadPoolExecutor(2) as pool:
        busy = pool.submit(fetch.get, f"{rogue.url}/busy")
        while not asked:
            time.sleep(0.005)
        time.sleep(0.3)
        assert fetch.get(f"{rogue.url}/a") == b"hello"
        assert busy.result() == b"well"
    assert asked[1] - asked[0] >= 1


def test_a_hold_counts_for_those_that_wait_for_their_turn_already() -> None:
    pace = Pace(0.1)
    pace.wait()
    with ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        turns = [pool.submit(lambda: (pace.wait(), time.monotonic() - began)[1]) for _ in range(2)]
        time.sleep(0.05)
        pace.hold(0.5)
        first, second = sorted(turn.result() for turn in turns)
    assert first >= 0.5
    assert second >= 0.6


@pytest.mark.parametrize("after", ["7200", "DATE"])
def test_a_long_retry_after_ends_this_run_and_holds_the_next(after: str, rogue: Rogue, fetcher: Make, clock: Clock) -> None:
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(NOON + 7200))
    rogue.pages["/a"] = [ok(b"", status="503 No", retry_after=after.replace("DATE", date)), ok(b"hello")]
    with pytest.raises(Paused, match=r"asked to be left alone until 20\d\d-\d\d-\d\d 14:00 UTC: .*answers 503"):
        fetcher().get(f"{rogue.url}/a")
    clock.seconds += 7000
    with pytest.raises(Paused, match="14:00 UTC"):
        fetcher().get(f"{rogue.url}/a")
    assert rogue.asked["/a"] == 1
    clock.seconds += 300
    assert fetcher().get(f"{rogue.url}/a") == b"hello"


def test_a_pause_of_years_is_a_week(rogue: Rogue, fetcher: Make, clock: Clock) -> None:
    rogue.pages["/a"] = [ok(b"", status="429 No", retry_after="9" * 400), ok(b"hello")]
    with pytest.raises(Paused):
        fetcher().get(f"{rogue.url}/a")
    clock.seconds += 7 * DAY + 1
    assert fetcher().get(f"{rogue.url}/a") == b"hello"


def test_the_day_has_a_cap_over_all_runs(rogue: Rogue, fetcher: Make, clock: Clock, objects: Objects) -> None:
    rogue.pages["/a"] = ok(b"hello")
    for _ in range(2):
        with fetcher(cap=5) as fetch:
            fetch.get(f"{rogue.url}/a")
            fetch.get(f"{rogue.url}/a")
    fetch = fetcher(cap=5)
    fetch.get(f"{rogue.url}/a")
    for again in (fetch, fetcher(cap=5)):
        with pytest.raises(Paused, match=r"day's 5 requests to 127.0.0.1:\d+ are used up. A run after 20.* 00:00 UTC goes on"):
            again.get(f"{rogue.url}/a")
    assert rogue.asked["/a"] == 5 == state(objects, rogue)["requests"]
    clock.seconds += DAY / 2
    assert fetcher(cap=5).get(f"{rogue.url}/a") == b"hello"


def _ask_and_die(store: str, url: str, place: str) -> None:
    fetch = Fetcher(Objects.open(store), Manners("ops@example.org", 0, 100, robots=False), allowed=[place], now=lambda: NOON)
    fetch.get(url)
    os._exit(9)


def test_a_killed_run_never_exceeds_the_cap_and_wastes_little(rogue: Rogue, fetcher: Make, objects: Objects) -> None:
    rogue.pages["/a"] = ok(b"hello")
    child = multiprocessing.get_context("spawn").Process(target=_ask_and_die, args=(objects.url, f"{rogue.url}/a", rogue.place))
    child.start()
    child.join()
    fetch = fetcher(cap=100)
    with contextlib.suppress(Paused):
        for _ in range(101):
            fetch.get(f"{rogue.url}/a")
    assert 98 <= rogue.asked["/a"] <= 100


def test_two_at_once_keep_one_cap_together(rogue: Rogue, fetcher: Make) -> None:
    rogue.pages["/a"] = ok(b"hello")
    fetchers = [fetcher(cap=60), fetcher(cap=60)]

    def ask(number: int) -> int:
        try:
            return len(fetchers[number % 2].get(f"{rogue.url}/a"))
        except Paused:
            return 0

    with ThreadPoolExecutor(4) as pool:
        assert sum(map(bool, pool.map(ask, range(80)))) == 60 == rogue.asked["/a"]


def test_the_store_is_not_written_for_each_request(rogue: Rogue, fetcher: Make, objects: Objects, monkeypatch: Any) -> None:
    written: list[str] = []
    put = Objects.put
    monkeypatch.setattr(Objects, "put", lambda self, key, data: (written.append(key), put(self, key, data))[1])
    rogue.pages["/a"] = ok(b"hello")
    with fetcher(robots=True) as fetch:
        for _ in range(50):
            fetch.get(f"{rogue.url}/a")
        assert len(written) == 1  # robots.txt
    assert state(objects, rogue)["requests"] == 51
    with fetcher(cap=5000) as fetch:
        for _ in range(50):
            fetch.get(f"{rogue.url}/a")
    assert len(written) == 2 + 4  # the count of the first; three claims and what was left


def fail(fetch: Fetcher, url: str, times: int, kind: type[Exception] = Failing) -> None:
    for number in range(times):
        with pytest.raises(kind):
            fetch.get(f"{url}/{number}", expect="image")


@pytest.mark.parametrize(
    ("sent", "kind", "says"),
    [
        (ok(b"", status="403 No"), Failing, "answers 403"),
        (ok(b"", status="429 No"), Failing, "answers 429"),
        (ok(b"", status="500 No"), Failing, "answers 500"),
        (ok(b"<html>"), Gone, "is a web page where a picture"),
    ],
    ids=["403", "429", "500", "HTML"],
)
def test_a_host_that_fails_in_a_row_is_left_alone(
    sent: Any, kind: type[Exception], says: str, rogue: Rogue, fetcher: Make, clock: Clock
) -> None:
    rogue.otherwise = lambda path: sent
    fail(fetcher(), rogue.url, 3, kind)
    fail(fetcher(), rogue.url, 2, kind)
    for fetch in (fetcher(), fetcher()):
        with pytest.raises(LeftAlone, match=f"is left alone until 20.* 12:15 UTC, since addresses in a row .*{says}"):
            fetch.get(f"{rogue.url}/more")
    assert not rogue.asked["/more"]
    clock.seconds += 16 * 60
    fail(fetcher(), rogue.url, 1, kind)
    with pytest.raises(LeftAlone, match="12:46 UTC"):
        fetcher().get(f"{rogue.url}/more")
    clock.seconds += 31 * 60
    rogue.otherwise = lambda path: ok(JPEG)
    assert fetcher().get(f"{rogue.url}/more") == JPEG
    rogue.otherwise = lambda path: sent
    fail(fetcher(), rogue.url, 4, kind)


def test_what_is_not_there_is_no_failure_and_an_answer_ends_a_row(rogue: Rogue, fetcher: Make) -> None:
    fetch = fetcher(limits={"attempts": 1})
    rogue.pages["/good"] = ok(b"hello")
    rogue.pages |= {f"/{number}": ok(b"", status="500 No") for number in range(4)}
    fail(fetch, f"{rogue.url}/gone", 9, Gone)
    for _ in range(3):
        fail(fetch, rogue.url, 4)
        assert fetch.get(f"{rogue.url}/good") == b"hello"


def test_after_a_rest_one_address_is_tried_alone(rogue: Rogue, fetcher: Make, clock: Clock) -> None:
    rogue.otherwise = lambda path: ok(b"", status="403 No")
    fail(fetcher(), rogue.url, 5)
    clock.seconds += 3600
    fetch, before = fetcher(), rogue.asked.total()

    def ask(number: int) -> type[BaseException]:
        with pytest.raises(SourceError) as caught:
            fetch.get(f"{rogue.url}/{number}")
        return caught.type

    with ThreadPoolExecutor(4) as pool:
        kinds = list(pool.map(ask, range(4)))
    assert sorted(kind.__name__ for kind in kinds) == ["Failing", "LeftAlone", "LeftAlone", "LeftAlone"]
    assert rogue.asked.total() == before + 1


def test_a_failing_host_does_not_hold_up_another(rogue: Rogue, fetcher: Make) -> None:
    other = Rogue()
    other.pages["/a"] = ok(b"hello")
    rogue.otherwise = lambda path: ok(b"", status="403 No")
    fetch = fetcher(allowed=[rogue.place, other.place])
    fail(fetch, rogue.url, 5)
    fail(fetch, rogue.url, 1, LeftAlone)
    assert fetch.get(f"{other.url}/a") == b"hello"
    other.close()


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"until": "soon"}'])
def test_damaged_state_is_said(damage: bytes, rogue: Rogue, fetcher: Make, objects: Objects) -> None:
    objects.put(f"sources/hosts/127.0.0.1_{rogue.port}.json", damage)
    with pytest.raises(StoreError, match=r"is damaged: .* Delete it"):
        fetcher().get(f"{rogue.url}/a")

"""Which pages of a listing are turned: all that is new is found, and little else is read."""

import datetime
from collections.abc import Iterable, Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from perennial.sources.archdaily.text import UNDATED
from perennial.sources.archdaily.walk import ENOUGH_KNOWN, new_posts
from perennial.sources.posts import Known, Post

TODAY = datetime.date(2026, 3, 1)
SIZE = 18
OVERLAP = datetime.timedelta(days=3)


class Listing:
    """A listing in pages of 18 that counts which were read."""

    def __init__(self, posts: Iterable[Post]) -> None:
        self.posts = list(posts)
        self.read: list[int] = []

    def __call__(self, number: int) -> Sequence[Post]:
        self.read.append(number)
        return self.posts[(number - 1) * SIZE : number * SIZE]

    def new(self, known: Iterable[str] = (), watermark: datetime.date | None = None, *, others: bool = False) -> list[str]:
        self.read.clear()
        state = Known.of(dict.fromkeys(known, ""), watermark)
        return [post.id for post in new_posts(self, state, overlap=OVERLAP, today=TODAY, others=others)]


def post(number: int, days: float = 0, *, dated: bool = True) -> Post:
    published = TODAY - datetime.timedelta(days=days) if dated else UNDATED
    return Post(str(number), f"https://a/{number}/x", published, "")


def archive(count: int, *, a_day: int = 12, dated: bool = True) -> Listing:
    """A listing of so many posts, the newest of which has the highest number and is of today."""
    return Listing(post(count - at, at // a_day, dated=dated) for at in range(count))


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last + 1)]


def test_a_first_run_reads_to_the_end_newest_first() -> None:
    listing = archive(100)
    assert listing.new() == numbers(1, 100)[::-1]
    assert listing.read == [1, 2, 3, 4, 5, 6, 7]


def test_nothing_new_costs_one_page() -> None:
    listing = archive(1000)
    assert listing.new(numbers(1, 1000), TODAY) == []
    assert listing.read == [1]


def test_what_is_new_costs_its_pages_and_the_overlap() -> None:
    listing = archive(1000)
    yesterday = TODAY - datetime.timedelta(days=1)
    assert listing.new(numbers(1, 988), yesterday) == numbers(989, 1000)[::-1]
    assert len(listing.read) <= 3


def test_a_post_that_was_listed_late_is_found_in_the_overlap() -> None:
    listing = archive(1000)
    late = {"1000", "970"}
    assert set(listing.new(set(numbers(1, 1000)) - late, TODAY)) == late


def test_a_gap_that_a_killed_run_left_is_filled() -> None:
    """The newest 64 were taken, then it was killed: the watermark is that of the run before."""
    listing = archive(1000)
    watermark = TODAY - datetime.timedelta(days=20)
    taken = numbers(1, 760) + numbers(937, 1000)
    assert listing.new(taken, watermark) == numbers(761, 936)[::-1]


def test_a_first_run_that_was_killed_goes_on() -> None:
    listing = archive(300)
    assert listing.new(numbers(237, 300)) == numbers(1, 236)[::-1]


def test_where_something_else_fills_gaps_enough_known_posts_end_it() -> None:
    listing = archive(1000)
    assert listing.new(numbers(1, 900) + numbers(937, 1000), others=True) == []
    assert len(listing.read) <= 1 + ENOUGH_KNOWN // SIZE


def test_without_dates_the_oldest_of_what_is_new_comes_first() -> None:
    listing = archive(1000, dated=False)
    assert listing.new(numbers(1, 950), TODAY) == numbers(951, 1000)
    assert len(listing.read) <= 3 + ENOUGH_KNOWN // SIZE
    killed = numbers(1, 950) + numbers(951, 970)
    assert listing.new(killed, TODAY) == numbers(971, 1000)


def test_a_page_that_moves_on_while_it_is_read_repeats_nothing() -> None:

    pages = {1: [post(3), post(2)], 2: [post(2), post(1)], 3: [post(1)]}
    found = new_posts(lambda number: pages.get(number, []), Known.nothing(), overlap=OVERLAP, today=TODAY)
    assert [one.id for one in found] == ["3", "2", "1"]


def test_posts_dated_in_the_future_neither_end_a_run_nor_prolong_it() -> None:
    future = [post(2000, -30000), post(1999, -400)]
    listing = Listing([*future, *archive(1000).posts])
    assert listing.new([*numbers(1, 1000), "2000", "1999"], TODAY) == []
    assert listing.read == [1]
    assert listing.new(numbers(1, 988), TODAY - datetime.timedelta(days=1)) == ["2000", "1999", *numbers(989, 1000)[::-1]]
    assert len(listing.read) <= 4


def test_one_post_that_is_dated_oddly_ends_nothing() -> None:
    listing = archive(200)
    listing.posts[17] = post(5000, 9000)
    assert set(numbers(1, 200)) - set(listing.new([], TODAY - datetime.timedelta(days=30))) == {"183"}


def test_a_watermark_of_no_day_is_none() -> None:
    assert archive(50).new(numbers(1, 20), UNDATED) == numbers(21, 50)[::-1]


@settings(deadline=None)
@given(st.data())
def test_whatever_was_killed_when_all_is_found_in_the_end(data: st.DataObject) -> None:
    """Runs that each take some of what is new, from its front, and then one that ends, miss nothing that was listed."""
    dated, a_day = data.draw(st.booleans()), data.draw(st.sampled_from([1, 12, 85]))
    began = TODAY - datetime.timedelta(days=600)
    everything = [Post(str(n), "", began + datetime.timedelta(days=n // a_day) if dated else UNDATED, "") for n in range(600)]
    listed, known = 0, set[str]()
    watermark: datetime.date | None = None
    unfinished = False
    for killed in [*data.draw(st.lists(st.booleans(), max_size=5)), False]:
        listed += data.draw(st.integers(0, 100))
        seen = watermark - datetime.timedelta(days=1) if watermark and unfinished else watermark  # as a source's state has it
        found = Listing(everything[:listed][::-1]).new(known, seen)
        known |= set(found[: data.draw(st.integers(0, len(found)))] if killed else found)
        unfinished = killed
        if not killed and listed:
            assert known == {post.id for post in everything[:listed]}
            watermark = everything[listed - 1].published if dated else TODAY

"""The demo site's calendar: which buildings it publishes on which day, the same for the same seed."""

import datetime
import functools
import hashlib
import random
from dataclasses import dataclass

from perennial.sources.demo_site.places import OFFICES, PLACES, THINGS, WORDS
from perennial.sources.demo_site.styles import DAY_ONE

CATALOGUE_DAYS = 180
CATALOGUE_POSTS_A_DAY = 5
POSTS_A_DAY = 85
WRONG_DAY = DAY_ONE + datetime.timedelta(days=1)
"""The day on which a third of the buildings are listed under another region's place."""

_EPOCH = datetime.date(2020, 1, 1)
_SHARES = {
    "africa": 0.04,
    "asia": 0.28,
    "australia": 0.07,
    "central-america": 0.03,
    "europe": 0.34,
    "middle-east": 0.05,
    "north-america": 0.10,
    "south-america": 0.09,
}


@dataclass(frozen=True)
class DemoPost:
    """One published building: ``region`` is how it is drawn, ``place`` is what the site says."""

    id: int
    day: datetime.date
    minute: int
    region: str
    place: str
    title: str
    office: str
    kinds: tuple[str, ...]

    @property
    def slug(self) -> str:
        """The last part of the page's address."""
        return f"{self.title} {self.office}".lower().replace(" ", "-")

    @property
    def published(self) -> str:
        """The time of publication, ISO 8601."""
        return f"{self.day.isoformat()}T{self.minute // 60:02d}:{self.minute % 60:02d}:00Z"


def day(number: int) -> datetime.date:
    """Return the date of new day ``number``, 1 being the first; 0 is the last day of the back catalogue."""
    return DAY_ONE + datetime.timedelta(days=number - 1)


def first_day() -> datetime.date:
    """Return the oldest date of the back catalogue."""
    return DAY_ONE - datetime.timedelta(days=CATALOGUE_DAYS)


@functools.lru_cache(maxsize=512)
def posts_of(seed: int, date: datetime.date) -> tuple[DemoPost, ...]:
    """Return the posts of one date, newest first; none before the back catalogue."""
    if date < first_day():
        return ()
    count = CATALOGUE_POSTS_A_DAY if date < DAY_ONE else POSTS_A_DAY
    rng = random.Random(f"{seed}/{date.isoformat()}")
    wrong = set(rng.sample(range(count), count // 3)) if date == WRONG_DAY else set()
    return tuple(reversed([_post(date, index, count, index in wrong, rng) for index in range(count)]))


def posts_until(seed: int, today: datetime.date) -> list[DemoPost]:
    """Return every post published up to ``today``, newest first."""
    days = range((today - first_day()).days, -1, -1)
    return [post for offset in days for post in posts_of(seed, first_day() + datetime.timedelta(days=offset))]


def find(seed: int, post_id: int) -> DemoPost | None:
    """Return the post with this id, or None."""
    days = post_id // 1000
    if not 0 < days < 100_000:
        return None
    return next((post for post in posts_of(seed, _EPOCH + datetime.timedelta(days=days)) if post.id == post_id), None)


def image_id(seed: int, post_id: int, index: int) -> str:
    """Return the 24 hex digits that name a picture; the first ten say which one it is."""
    return f"{post_id:08x}{index:02x}{hashlib.sha256(f'{seed}/{post_id}/{index}'.encode()).hexdigest()[:14]}"


def _post(date: datetime.date, index: int, count: int, wrong: bool, rng: random.Random) -> DemoPost:
    region = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
    shown = rng.choice([name for name in PLACES if name != region]) if wrong else region
    kinds = rng.choices(("exterior", "interior", "drawing"), (0.66, 0.2, 0.14), k=rng.choice((1, 2)))
    return DemoPost(
        id=(date - _EPOCH).days * 1000 + index,
        day=date,
        minute=index * 1400 // count,
        region=region,
        place=rng.choice(PLACES[shown]),
        title=f"{rng.choice(WORDS)} {rng.choice(THINGS)}",
        office=rng.choice(OFFICES),
        kinds=("exterior", *kinds),
    )

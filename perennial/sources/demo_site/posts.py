"""The demo site's calendar: which buildings it publishes on which day, the same for the same seed."""

import datetime
import functools
import hashlib
import random
from dataclasses import dataclass

from perennial.sources.demo_site.places import (
    COMMERCIAL,
    CULTURAL,
    OFFICES,
    PHOTOGRAPHERS,
    PLACES,
    RESIDENTIAL,
    STYLES,
    THINGS,
    WORDS,
)
from perennial.sources.demo_site.styles import DAY_ONE, Style, building

CATALOGUE_DAYS = 180
CATALOGUE_POSTS_A_DAY = 5
POSTS_A_DAY = 85
WRONG_DAY = DAY_ONE + datetime.timedelta(days=1)
"""The day on which a third of the buildings are listed under another region's place."""

SILENT = 1 / 3
"""Share of the photographs whose captions don't say whether they show the inside or the outside."""

EPOCH = datetime.date(2020, 1, 1)
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
    """One published building: ``region`` is how it is drawn, ``place`` is what the site says.

    ``category`` and ``style`` follow from what is drawn; ``silent`` says of each picture whether its caption leaves open what
    it shows.
    """

    id: int
    day: datetime.date
    minute: int
    region: str
    place: str
    title: str
    office: str
    kinds: tuple[str, ...]
    silent: tuple[bool, ...]
    category: str
    style: str
    photographer: str

    @property
    def slug(self) -> str:
        """The last part of the page's address."""
        return f"{self.title} {self.office}".lower().replace(" ", "-")

    @property
    def published(self) -> str:
        """The time of publication, ISO 8601."""
        return time_of(self.day, self.minute)


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
    return tuple(reversed([_post(seed, date, index, count, index in wrong, rng) for index in range(count)]))


def posts_until(seed: int, today: datetime.date) -> list[DemoPost]:
    """Return every post published up to ``today``, newest first."""
    days = range((today - first_day()).days, -1, -1)
    return [post for offset in days for post in posts_of(seed, first_day() + datetime.timedelta(days=offset))]


def traits(seed: int, post_id: int, region: str, date: datetime.date) -> Style:
    """Return how one building is drawn."""
    return building(region, date, random.Random(f"{seed}/{post_id}"))


def find(seed: int, post_id: int) -> DemoPost | None:
    """Return the post with this id, or None."""
    days = post_id // 1000
    if not 0 < days < 100_000:
        return None
    return next((post for post in posts_of(seed, EPOCH + datetime.timedelta(days=days)) if post.id == post_id), None)


def image_id(seed: int, post_id: int, index: int) -> str:
    """Return the 24 hex digits that name a picture; the first ten say which one it is."""
    return f"{post_id:08x}{index:02x}{hashlib.sha256(f'{seed}/{post_id}/{index}'.encode()).hexdigest()[:14]}"


def _post(seed: int, date: datetime.date, index: int, count: int, wrong: bool, rng: random.Random) -> DemoPost:
    region = rng.choices(list(_SHARES), list(_SHARES.values()))[0]
    shown = rng.choice([name for name in PLACES if name != region]) if wrong else region
    kinds = ("exterior", *rng.choices(("exterior", "interior", "drawing"), (0.66, 0.2, 0.14), k=rng.choice((1, 2))))
    number = (date - EPOCH).days * 1000 + index
    place, word, thing = rng.choice(PLACES[shown]), rng.choice(WORDS), rng.choice(range(11))
    look, more = traits(seed, number, region, date), random.Random(f"{seed}/{number}/more")
    category = _category(look)
    return DemoPost(
        id=number,
        day=date,
        minute=index * 1400 // count,
        region=region,
        place=place,
        title=f"{word} {THINGS[category][thing % len(THINGS[category])]}",
        office=rng.choice(OFFICES),
        kinds=kinds,
        silent=tuple(kind != "drawing" and more.random() < SILENT for kind in kinds),
        category=category,
        style=STYLES[look.textures[0]],
        photographer=more.choice(PHOTOGRAPHERS),
    )


def _category(look: Style) -> str:
    """Tell a building's category by its rows of windows, which every picture of it shows."""
    if look.rows <= 2:
        return RESIDENTIAL
    return CULTURAL if look.rows <= 4 else COMMERCIAL


def time_of(date: datetime.date, minute: int) -> str:
    """Return a time of publication, ISO 8601."""
    return f"{date.isoformat()}T{minute // 60:02d}:{minute % 60:02d}:00Z"

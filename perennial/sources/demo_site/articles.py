"""The demo site's articles: one a day, at noon, among the buildings on its front page and in its sitemap."""

import datetime
from dataclasses import dataclass

from perennial.sources.demo_site.places import WORDS
from perennial.sources.demo_site.posts import EPOCH, first_day, time_of

_NUMBER = 900  # an article's among those of its day


@dataclass(frozen=True)
class DemoArticle:
    """One article, whose address looks like a building's."""

    id: int
    day: datetime.date
    title: str

    @property
    def slug(self) -> str:
        """The last part of the page's address."""
        return self.title.lower().replace(" ", "-")

    @property
    def published(self) -> str:
        """The time of publication, ISO 8601: noon."""
        return time_of(self.day, 12 * 60)


def article_of(date: datetime.date) -> DemoArticle | None:
    """Return the article of one date; none before the back catalogue."""
    if date < first_day():
        return None
    number = (date - EPOCH).days
    return DemoArticle(number * 1000 + _NUMBER, date, f"{WORDS[number % len(WORDS)]} and the City")


def find_article(post_id: int) -> DemoArticle | None:
    """Return the article with this id, or None."""
    days, number = divmod(post_id, 1000)
    return article_of(EPOCH + datetime.timedelta(days=days)) if number == _NUMBER and 0 < days < 100_000 else None
